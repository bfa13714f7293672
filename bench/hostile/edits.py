"""Edits that make a file hostile without knowing its format, or knowing only its pieces."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 63)
"""Where readers slip: borders of signed and unsigned types."""
_MOST_COPIES = 40
_LARGEST_BYTES = 400_000

Edit = Callable[[Random, bytes], bytes]


def damaged(random: Random, data: bytes) -> bytes:
    """`data` after one to four edits anywhere, mostly one, so that readers get past it."""
    for _ in range(random.choice((1, 1, 1, 2, 3, 4))):
        data = random.choice(_EDITS)(random, data)[:_LARGEST_BYTES]
    return data


def rearranged(random: Random, pieces: list[bytes]) -> list[bytes]:
    """The pieces of a file (chunks, segments, boxes, lines) after a few were moved, copied, lost or damaged."""
    pieces = list(pieces)
    for _ in range(random.choice((1, 1, 2, 3))):
        if not pieces:
            break
        here, there = random.randrange(len(pieces)), random.randrange(len(pieces))
        match random.randrange(6):
            case 0:
                del pieces[here]
            case 1:
                pieces.insert(there, pieces[here])
            case 2:
                pieces[here], pieces[there] = pieces[there], pieces[here]
            case 3:
                pieces[here:here] = [pieces[here]] * random.randint(1, _MOST_COPIES)
            case _:
                pieces[here] = damaged(random, pieces[here])
    return pieces


def _place(random: Random, data: bytes) -> int:
    """Any place; every other time one near the beginning, where formats keep what matters."""
    return random.randint(0, min(len(data), 64 if random.random() < 0.5 else len(data)))


def _set_byte(random: Random, data: bytes) -> bytes:
    at = _place(random, data)
    return data[:at] + random.randbytes(1) + data[at + 1 :]


def _flip_bit(random: Random, data: bytes) -> bytes:
    at = _place(random, data)
    return data[:at] + bytes(byte ^ 1 << random.randrange(8) for byte in data[at : at + 1]) + data[at + 1 :]


def _set_number(random: Random, data: bytes) -> bytes:
    at, width = _place(random, data), random.choice((1, 2, 3, 4, 8))
    number = random.choice(_NUMBERS) % (1 << 8 * width)
    return data[:at] + number.to_bytes(width, random.choice(("little", "big"))) + data[at + width :]


def _cut(random: Random, data: bytes) -> bytes:
    return data[: random.randint(0, len(data))]


def _drop(random: Random, data: bytes) -> bytes:
    at = _place(random, data)
    return data[:at] + data[at + random.randint(1, 64) :]


def _insert(random: Random, data: bytes) -> bytes:
    at = _place(random, data)
    return data[:at] + random.randbytes(random.randint(1, 64)) + data[at:]


def _repeat(random: Random, data: bytes) -> bytes:
    at = _place(random, data)
    part = data[at : at + random.randint(1, 256)]
    return data[:at] + part * random.randint(2, _MOST_COPIES) + data[at:]


def _swap(random: Random, data: bytes) -> bytes:
    first, second = sorted((_place(random, data), _place(random, data)))
    size = random.randint(1, 32)
    a, b = data[first : first + size], data[second : second + size]
    return data[:first] + b + data[first + size : second] + a + data[second + size :]


_EDITS: tuple[Edit, ...] = (
    _set_byte, _set_byte, _flip_bit, _set_number, _set_number, _cut, _drop, _insert, _repeat, _swap,
)  # fmt: skip
