"""Hostile JSON: values, keys and whole parts of a document changed."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from random import Random
from typing import Any

_VALUES: tuple[Any, ...] = (
    None, True, "", "0", "\x1b[2J\n", "../meta.json", "/etc/passwd", "means_l.webp", "ñ.webp", "a" * 70_000,
    0, -1, 1, 2, 3, 255, 256, 65_536, 1 << 24, 1 << 31, 1 << 63, 10**400, 0.5, -0.0, 1e-320, 88.8, 1e30, 1e308,
    float("nan"), float("inf"), float("-inf"), [], {}, [0.0] * 256, [1e30] * 256, [1] * 257, [[]], [None] * 16,
)  # fmt: skip


def change(random: Random, document: Any, names: tuple[str, ...]) -> None:
    """Change one to three places of a JSON object in place.

    Args:
        random: what to change.
        document: the object.
        names: keys under which a value may be put in addition.
    """
    for _ in range(random.randint(1, 3)):
        holder, key = random.choice(list(_places(document)))
        match random.randrange(4):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, list):
                holder.extend([holder[key]] * random.choice((1, 1, 1, 300)))
            case 2 if isinstance(holder, dict):
                holder[random.choice(names)] = holder[key]
            case _:
                holder[key] = copy.deepcopy(random.choice(_VALUES))
        if not document:
            break


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a JSON value: what holds it, and the key or index there."""
    for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
        yield node, key
        if isinstance(value, dict | list):
            yield from _places(value)
