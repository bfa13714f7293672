"""A configuration file as text whose values have places, so that one can be changed and all else stays.

What is around a value is never written anew: its comments, its order and its spelling are the user's.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

_PLAIN_KEY = re.compile(r"(?!(?:null|true|false)$)[a-z_]\w*", re.ASCII)
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_INDENT = "  "


@dataclass(slots=True)
class Node:
    """A value.

    Attributes:
        start: where its text begins.
        end: where its text ends.
        members: of a table, in order; None for other values.
        is_block: whether it is laid out by indentation, as YAML does.
    """

    start: int
    end: int
    members: list[Member] | None = None
    is_block: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """A key and its value; `start` and `end` are the key's."""

    key: str
    start: int
    end: int
    value: Node


@dataclass(frozen=True, slots=True)
class Document:
    """A file's text and what stands where in it.

    Attributes:
        text: all of it.
        root: the table of sections; None if there is nothing yet.
        comments: where each begins and ends, in order.
        is_yaml: else it is JSON with comments.
    """

    text: str
    root: Node | None
    comments: list[tuple[int, int]] = field(default_factory=list)
    is_yaml: bool = False

    def with_value(self, path: tuple[str, ...], value: object) -> str:
        """The text, with another value at `path`: in place of the old one, else at the end of its table."""
        node = self.root
        for depth, key in enumerate(path):
            if node is None or node.members is None:
                break
            found = [member for member in node.members if member.key == key]
            rest = path[depth + 1 :]
            if not found:
                return self._added(node, key, _nested(rest, value))
            member = found[-1]  # the last of several is the one that counts
            if not rest or member.value.members is None:
                return self._replaced(member, _nested(rest, value))
            node = member.value
        return f"{self._whole_lines()}{self._block(path[0], _nested(path[1:], value), '')}"

    @property
    def _newline(self) -> str:
        return "\r\n" if "\r\n" in self.text else "\n"

    def _whole_lines(self) -> str:
        return self.text if not self.text or self.text.endswith("\n") else self.text + self._newline

    def _indent_of(self, place: int) -> str:
        """The white space that the line of a place begins with."""
        line = self.text[self.text.rfind("\n", 0, place) + 1 : place]
        return line[: len(line) - len(line.lstrip())]

    def _replaced(self, member: Member, value: object) -> str:
        node, text = member.value, self.text
        inside = [text[start:end] for start, end in self.comments if node.start <= start < node.end]
        deeper = self._indent_of(member.start) + _INDENT
        if not self.is_yaml:
            kept = "".join(
                f"{comment}{self._newline}{deeper}" if comment.startswith("//") else f"{comment} "
                for comment in inside
            )
            new = kept + self._json(value, self._indent_of(member.start))
            return text[: node.start] + new + text[node.end :]
        new = _flow(value)
        column = member.start - (text.rfind("\n", 0, member.start) + 1)
        deeper = " " * (column + len(_INDENT))
        before = text[: node.start]
        if inside or node.is_block:  # on lines of its own, which a table or list of lines has already
            if not before[before.rfind("\n") + 1 :].strip():
                before = before[: before.rfind("\n") + 1]
            else:
                before = before.rstrip(" \t") + self._newline
            new = "".join(f"{deeper}{comment}{self._newline}" for comment in inside) + deeper + new
        elif before.endswith(":"):
            new = f" {new}"
        return before + new + text[node.end :]

    def _added(self, table: Node, key: str, value: object) -> str:
        return self._added_line(table, key, value) if table.is_block else self._added_inside(table, key, value)

    def _added_line(self, table: Node, key: str, value: object) -> str:
        """After the last line of a table that is laid out by indentation."""
        first = (table.members or [])[0]
        indent = " " * (first.start - (self.text.rfind("\n", 0, first.start) + 1))
        end = self.text.find("\n", table.end)
        text = self._whole_lines()
        end = len(text) if end < 0 else end + 1
        return text[:end] + self._block(key, value, indent) + text[end:]

    def _added_inside(self, table: Node, key: str, value: object) -> str:
        """Before the brace that ends a table."""
        text, members, close = self.text, table.members or [], table.end - 1
        end = len(text[:close].rstrip())
        has_lines = "\n" in text[table.start : table.end] or not (members or self.is_yaml)
        outer = self._indent_of(table.start)
        indent = outer + _INDENT
        if members and not text[text.rfind("\n", 0, members[-1].start) + 1 : members[-1].start].strip():
            indent = self._indent_of(members[-1].start)
        comma = ""
        if members:
            after = members[-1].value.end
            if "," in self._without_comments(after, close):
                comma = ","
            else:
                text, end, close = f"{text[:after]},{text[after:]}", end + 1, close + 1
        new = f"{json.dumps(key)}: {_flow(value) if self.is_yaml else self._json(value, indent)}{comma}"
        if not has_lines:
            return f"{text[:end]}{' ' if members else ''}{new}{text[end:]}"
        closing = "" if "\n" in text[end:close] else self._newline + outer
        return f"{text[:end]}{self._newline}{indent}{new}{closing}{text[end:]}"

    def _without_comments(self, start: int, end: int) -> str:
        kept, place = [], start
        for comment_start, comment_end in self.comments:
            if start <= comment_start < end:
                kept.append(self.text[place:comment_start])
                place = comment_end
        return "".join([*kept, self.text[place:end]])

    def _json(self, value: object, indent: str) -> str:
        is_table = isinstance(value, dict)
        text = json.dumps(value, ensure_ascii=False, indent=len(_INDENT) if is_table else None)
        return text.replace("\n", self._newline + indent)

    def _block(self, key: str, value: object, indent: str) -> str:
        """A member as YAML lines."""
        name = key if _PLAIN_KEY.fullmatch(key) else json.dumps(key)
        if isinstance(value, dict) and value:
            inner = "".join(self._block(str(key), inside, indent + _INDENT) for key, inside in value.items())
            return f"{indent}{name}:{self._newline}{inner}"
        return f"{indent}{name}: {_flow(value)}{self._newline}"


def _nested(path: tuple[str, ...], value: object) -> object:
    for key in reversed(path):
        value = {key: value}
    return value


def _flow(value: object) -> str:
    """A value on one line; JSON is YAML 1.2, but for characters that YAML wants escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
