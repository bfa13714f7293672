"""A foreign model as the rest of the house sees it: it loads, it runs, it is cancelled, it starts anew."""

from __future__ import annotations

import contextlib
import threading
import time
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from typing import Any

from wheatstone.errors import ChildCrashedError, ModelFailedError, TimeLimitError, error_of
from wheatstone.models.foreign.child import Frame
from wheatstone.models.foreign.environment import Environment
from wheatstone.models.foreign.process import Process
from wheatstone.models.roles import Part
from wheatstone.stages import Report, Stages

_POLL_S = 0.05
_REPEAT_S = 0.25
_GRACE_S = 0.6
"""How long a cancelled call gets to end by itself, which keeps the model warm. An executor gives whoever holds the
foreign model a second, and that must not end sooner."""


class ForeignModel:
    """A model in an environment of its own; one process, which answers one call at a time.

    The process starts with `load`, stays warm, and is started anew by the next call after it ended, however that
    was. It ends when this object does.
    """

    def __init__(
        self,
        name: str,
        environment: Environment,
        options: Mapping[str, Any],
        *,
        load_timeout_s: float,
        silence_timeout_s: float,
    ) -> None:
        """Start nothing yet.

        Args:
            name: what messages call it.
            environment: where it lives.
            options: what the adapter's `load` is given; plain JSON.
            load_timeout_s: seconds that loading may go on without a word.
            silence_timeout_s: seconds that it may work without a word, be it progress or a part.
        """
        self._name = name
        self._environment = environment
        self._options = dict(options)
        self._load_timeout_s = load_timeout_s
        self._silence_timeout_s = silence_timeout_s
        self._turn = threading.Lock()
        self._process: Process | None = None
        self._last_call = 0
        self._end: Callable[[], object] = lambda: None

    def load(self, progress: Callable[[float], None]) -> None:
        """Make it ready, unless it is; `progress` is told how far that is, and may raise to end it.

        Raises:
            ModelUnavailableError: its environment lacks something.
            CheckpointUnavailableError: weights are missing or damaged.
            DeviceMemoryError: it does not fit.
            ModelFailedError: it raised something nobody expected, or spoke in riddles.
            ChildCrashedError: its process ended in the middle.
            TimeLimitError: it was silent for too long.
        """
        with self._turn:
            self._ready(progress)

    def run(self, arguments: Mapping[str, Any], data: bytes, stages: Stages) -> Iterator[Part]:
        """The parts that it makes, as they come to be; loads it first, stage `load`, unless it is ready.

        Raises as `load`, and:
            CancelledError: `stages.cancellation` asked for the end.
        """
        while not self._turn.acquire(timeout=_POLL_S):
            stages.cancellation.check()
        try:
            if not self._is_ready:
                with stages.stage("load") as progress:
                    self._ready(progress)
            check = stages.cancellation.check
            seconds = yield from self._call("run", arguments, data, stages.report, check, self._silence_timeout_s)
            stages.add(seconds)
        finally:
            self._turn.release()

    def close(self) -> None:
        """End its process, at once."""
        self._end()

    @property
    def _is_ready(self) -> bool:
        return self._process is not None and self._process.is_alive

    def _ready(self, progress: Callable[[float], None]) -> None:
        if self._is_ready:
            return
        self.close()  # of one that has ended, temporary files are left
        self._process = Process(self._name, self._environment)
        self._end = weakref.finalize(self, self._process.stop)
        told, told_s = 0.0, time.monotonic()

        def report(_stage: str, fraction: float) -> None:
            nonlocal told, told_s
            told, told_s = fraction, time.monotonic()
            progress(fraction)

        def check() -> None:  # only `progress` knows whether to go on
            if time.monotonic() - told_s > _REPEAT_S:
                report("load", told)

        try:
            for _part in self._call("load", self._options, b"", report, check, self._load_timeout_s):
                pass
        except BaseException:
            self.close()
            raise

    def _call(
        self,
        name: str,
        arguments: Mapping[str, Any],
        data: bytes,
        report: Report,
        check: Callable[[], None],
        silence_s: float,
    ) -> Generator[Part, None, dict[str, float]]:
        """The parts of a call; returns its stages' seconds. `report` and `check` may raise to end it."""
        process = self._process
        if process is None:
            raise RuntimeError("no process was started")
        self._last_call += 1
        number = self._last_call
        is_answered = False
        try:
            process.send({"kind": "call", "number": number, "name": name, "arguments": dict(arguments)}, data)
            while True:
                frame = self._next(process, check, silence_s)
                if frame[0].get("number", number) != number:
                    continue  # it is from a thread that an earlier call has left behind
                match frame:
                    case {"kind": "progress", "stage": str(stage), "fraction": int() | float() as fraction}, _:
                        report(stage, fraction)
                    case {"kind": "part", "name": str(part)}, content:
                        yield Part(part, content)
                    case {"kind": "done", "seconds": dict(seconds)}, _ if _are_numbers(seconds.values()):
                        is_answered = True
                        return seconds
                    case {"kind": "failed", "code": str(code), "message": str(message)}, _:
                        is_answered = True
                        raise error_of(code, message)
                    case _:
                        raise ModelFailedError(f"The model {self._name} said something that cannot be understood.")
        finally:
            if not is_answered:  # what it still says would be taken for the next call's answer
                _wind_down(process, number)

    def _next(self, process: Process, check: Callable[[], None], silence_s: float) -> Frame:
        until_s = time.monotonic() + silence_s
        while True:
            check()
            if frame := process.receive(_POLL_S):
                return frame
            if time.monotonic() > until_s:
                process.stop()
                raise TimeLimitError(f"The model {self._name} was silent for {silence_s:g} s and was ended.")


def _are_numbers(values: Iterable[object]) -> bool:
    return all(isinstance(value, int | float) for value in values)


def _wind_down(process: Process, number: int) -> None:
    """Let it end a call by itself, or end it."""
    with contextlib.suppress(ChildCrashedError, ModelFailedError):
        if process.is_alive:
            process.send({"kind": "cancel", "number": number})
            until_s = time.monotonic() + _GRACE_S
            while time.monotonic() < until_s:
                frame = process.receive(_POLL_S)
                if frame and frame[0].get("kind") in ("done", "failed"):
                    return
    process.stop()
