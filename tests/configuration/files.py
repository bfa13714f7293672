"""Configuration files as people might write them, with comments in every place that has room for one."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

NAMES = st.sampled_from(["server", "model", "cache", "true", "a b", "größe", "x#y", "//", "port", "1"])
TEXTS = st.text(max_size=8) | st.sampled_from(
    ["#no", " # no", "// no", "/* no */", "a: b", "- a", "null", "", "'", '"']
)
SCALARS = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | TEXTS
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(NAMES, SCALARS, max_size=3)
SECTIONS = VALUES | st.dictionaries(NAMES, VALUES, max_size=4)
TABLES = st.dictionaries(NAMES, SECTIONS, max_size=4)


@dataclass
class Writer:
    """Writes tables with comments; `draw` chooses."""

    draw: Any
    comments: list[str] = field(default_factory=list)

    def chance(self) -> bool:
        return bool(self.draw(st.booleans()))

    def comment(self, start: str, end: str = "") -> str:
        self.comments.append(f"{start} c{len(self.comments)}: '\"{{}}[],-{end}")
        return self.comments[-1]

    def jsonc_gap(self) -> str:
        kind = self.draw(st.integers(0, 5))
        if kind == 0:
            return f" {self.comment('//')}\n"
        if kind == 1:
            return f" {self.comment('/*', '*/')} "
        return ("", " ", "\n    ", "\n")[kind - 2]

    def jsonc(self, value: object) -> str:
        """JSON with comments."""
        gap = self.jsonc_gap
        if isinstance(value, dict):
            parts = [
                f"{gap()}{self.key(key)}{gap()}:{gap()}{self.jsonc(inner)}{gap()}" for key, inner in value.items()
            ]
            comma = "," if parts and self.chance() else ""
            return f"{{{','.join(parts)}{comma}{gap()}}}"
        if isinstance(value, list):
            return f"[{','.join(f'{gap()}{self.jsonc(inner)}{gap()}' for inner in value)}{gap()}]"
        return json.dumps(value, ensure_ascii=False)

    def key(self, key: str) -> str:
        return key if re.fullmatch("[a-z]{5,}", key) and self.chance() else json.dumps(key)

    def yaml(self, table: dict[str, Any], indent: str = "") -> str:
        """YAML, tables and lists laid out by indentation or in braces."""
        return "".join(f"{self.yaml_lines(indent)}{self.member(key, table[key], indent)}" for key in table)

    def yaml_lines(self, indent: str) -> str:
        blank = "\n" if self.chance() else ""
        inside = f"{indent}{self.comment('#')}\n" if self.chance() else ""
        outside = f"{self.comment('#')}\n" if self.chance() else ""
        return blank + inside + outside

    def member(self, key: str, value: object, indent: str) -> str:
        name = f"{indent}{json.dumps(key)}:"
        tail = f"  {self.comment('#')}\n" if self.chance() else "\n"
        if isinstance(value, dict) and value and self.chance():
            return name + tail + self.yaml(value, indent + self.draw(st.sampled_from(["  ", "    "])))
        if isinstance(value, list) and value and self.chance():
            inner = indent + self.draw(st.sampled_from(["", "  "]))
            lines = (f"{self.yaml_lines(inner)}{inner}- {escaped(item)}{self.end()}" for item in value)
            return name + tail + "".join(lines)
        if value is None and self.chance():
            return name + tail
        if isinstance(value, str) and re.fullmatch(r"[a-z]+( [a-z]+)*", value) and self.chance():
            return f"{name} |-{tail}{indent}   {value}\n"
        return f"{name} {escaped(value)}{tail}"

    def end(self) -> str:
        return f" {self.comment('#')}\n" if self.chance() else "\n"


def escaped(value: object) -> str:
    """JSON that is YAML, too, and has no pairs of surrogates, which both our parsers read as two characters."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(c if ord(c) < 0x7F or ord(c) > 0xFFFF else f"\\u{ord(c):04x}" for c in text)
