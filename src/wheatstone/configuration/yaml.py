"""YAML 1.2, plain data only: no types of other languages, and no aliases that unfold without end."""

from __future__ import annotations

import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from wheatstone.configuration.document import Document, Member, Node

_MAX_VALUES = 100_000
"""How many values a file may hold once its aliases are unfolded."""
_MAX_DEPTH = 64
_COMMENT = re.compile(r"(?:^|(?<=\s))#[^\r\n]*", re.MULTILINE)


def load(text: str) -> object:
    """What the text says; an empty table if it says nothing.

    Raises:
        ValueError: it is not YAML, or more than a configuration may be.
    """
    scan(text)
    try:
        return _yaml().load(text) or {}
    except YAMLError as error:
        raise ValueError(_told(error)) from error


def scan(text: str) -> Document:
    """What stands where in the text.

    Raises:
        ValueError: as `load`.
    """
    try:
        return _Scanner(text).document()
    except YAMLError as error:
        raise ValueError(_told(error)) from error


def _yaml() -> Any:
    return YAML(typ="safe", pure=True)


def _told(error: YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or str(error)
    return f"line {mark.line + 1}: {what}" if mark else what


class _Scanner:
    """Reads the parser's events; each has its place."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._events = iter(_yaml().parse(text))
        self._scalars: list[tuple[int, int]] = []
        self._sizes: dict[str, int] = {}

    def document(self) -> Document:
        """All of it."""
        event = next(self._events)
        while not isinstance(event, (NodeEvent, DocumentStartEvent)):
            event = next(self._events, None)
            if event is None:
                return Document(self._text, None, self._comments(), is_yaml=True)
        if isinstance(event, DocumentStartEvent):
            event = next(self._events)
        root, _ = self._node(event, 0)
        return Document(self._text, root if root.end > root.start else None, self._comments(), is_yaml=True)

    def _node(self, event: Event, depth: int) -> tuple[Node, int]:
        """The value that begins with an event, and how many values it unfolds to."""
        if depth > _MAX_DEPTH:
            raise ValueError(f"tables and lists go deeper than {_MAX_DEPTH}")
        start, end = event.start_mark.index, event.end_mark.index
        if isinstance(event, AliasEvent):
            if event.anchor not in self._sizes:
                raise ValueError(f"the alias *{event.anchor} names nothing that stands before it")
            return Node(start, end), self._sizes[event.anchor]
        if isinstance(event, ScalarEvent):
            node, size = self._scalar(event, start, end), 1
        else:
            node, size = self._collection(event, start, depth)
        if size > _MAX_VALUES:
            raise ValueError(f"its aliases unfold to more than {_MAX_VALUES} values")
        if isinstance(event, NodeEvent) and event.anchor:
            self._sizes[event.anchor] = size
        return node, size

    def _scalar(self, event: ScalarEvent, start: int, end: int) -> Node:
        end = start + len(self._text[start:end].rstrip())
        header = self._text.find("\n", start, end) if event.style in ("|", ">") else start
        self._scalars.append((max(start, header), end))
        return Node(start, end)

    def _collection(self, event: Event, start: int, depth: int) -> tuple[Node, int]:
        is_table, size, members, last = isinstance(event, MappingStartEvent), 1, [], start
        while not isinstance(inner := next(self._events), CollectionEndEvent):
            key, key_size = self._node(inner, depth + 1)
            size, last = size + key_size, key.end
            if is_table:
                value, value_size = self._node(next(self._events), depth + 1)
                if value.start == value.end:  # nothing stands there; its mark is where the next thing begins
                    value.start = value.end = self._text.index(":", key.end) + 1
                size, last = size + value_size, value.end
                name = inner.value if isinstance(inner, ScalarEvent) else ""
                members.append(Member(name, key.start, key.end, value))
        is_block = isinstance(event, (MappingStartEvent, SequenceStartEvent)) and not event.flow_style
        end = last if is_block else inner.end_mark.index
        return Node(start, end, members if is_table else None, is_block), size

    def _comments(self) -> list[tuple[int, int]]:
        found, place = [], 0
        for start, end in [*self._scalars, (len(self._text), len(self._text))]:
            found += [match.span() for match in _COMMENT.finditer(self._text, place, start)]
            place = max(place, end)
        return found
