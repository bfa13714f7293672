"""What a server and its children say to each other: one JSON object a line, never pickle.

The parent sends `Call` and `Cancel`; the child answers a call with any number of `Progress` and `Made`, then one
`Result` or one `Failure`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """Do something; one at a time.

    Attributes:
        number: tells it from other calls to the same child.
        name: what to do.
        arguments: plain JSON; large arrays are named by the folder that holds them (`scene_files`).
    """

    number: int
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cancel:
    """End a call at its next report of progress; may come before the call itself."""

    number: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage of the call is, 0 to 1."""

    stage: str
    fraction: float


@dataclass(frozen=True, slots=True)
class Made:
    """A part of the call's result lies, whole, in the folder that the call named, as a file of this name."""

    name: str


@dataclass(frozen=True, slots=True)
class Result:
    """The call is done.

    Attributes:
        value: plain JSON.
        seconds: stage to seconds.
    """

    value: dict[str, Any]
    seconds: dict[str, float]


@dataclass(frozen=True, slots=True)
class Failure:
    """The call failed.

    Attributes:
        code: of a `WheatstoneError`.
        message: for a person.
    """

    code: str
    message: str


Message = Call | Cancel | Progress | Made | Result | Failure
_KINDS = {kind.__name__: kind for kind in (Call, Cancel, Progress, Made, Result, Failure)}


def encode(message: Message) -> bytes:
    """A message as a line."""
    return json.dumps({"kind": type(message).__name__, **asdict(message)}).encode() + b"\n"


def decode(line: bytes) -> Message:
    """The message on a line.

    Raises:
        ValueError: the line holds no message.
    """
    try:
        content = json.loads(line)
        message: Message = _KINDS[content.pop("kind")](**content)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"not a message: {line[:200]!r}") from error
    return message
