"""JSON as people write it (JSON5): comments, commas at the end, keys without quotes."""

from __future__ import annotations

import re
from typing import Any

import json5

from wheatstone.configuration.document import Document, Member, Node

_TOKEN = re.compile(
    r"""(?P<space>[\s\ufeff]+)
    |(?P<comment>//[^\n\r\u2028\u2029]*|/\*.*?\*/)
    |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<mark>[{}\[\]:,])
    |(?P<word>[^\s\ufeff{}\[\]:,"'/]+)""",
    re.DOTALL | re.VERBOSE,
)


def load(text: str) -> object:
    """What the text says.

    Raises:
        ValueError, RecursionError: it is not JSON5, or too deep.
    """
    return json5.loads(text)


def scan(text: str) -> Document:
    """What stands where in a text that `load` takes."""
    tokens, comments = [], []
    for found in _TOKEN.finditer(text):
        if found.lastgroup == "comment":
            comments.append(found.span())
        elif found.lastgroup != "space":
            tokens.append((found.group(), *found.span()))
    root, _ = _value(tokens, 0)
    return Document(text, root, comments)


_Token = tuple[str, int, int]


def _value(tokens: list[_Token], place: int) -> tuple[Node, int]:
    """The value that begins with a token, and the place of the token after it."""
    text, start, end = tokens[place]
    place += 1
    if text not in "{[":
        return Node(start, end), place
    members: list[Member] = []
    while tokens[place][0] not in "}]":
        if tokens[place][0] == ",":
            place += 1
        elif text == "[":
            _, place = _value(tokens, place)
        else:
            key, key_start, key_end = tokens[place]
            value, place = _value(tokens, place + 2)
            members.append(Member(_key(key), key_start, key_end, value))
    return Node(start, tokens[place][2], members if text == "{" else None), place + 1


def _key(token: str) -> str:
    table: dict[str, Any] = json5.loads(f"{{{token}: 0}}")
    return next(iter(table))
