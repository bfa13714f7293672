"""The child's side: answers its parent's calls, one at a time, until the parent is gone."""

from __future__ import annotations

import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from wheatstone.cancellation import Cancellation
from wheatstone.errors import ModelFailedError, WheatstoneError, error_of_system, reason
from wheatstone.executors.messages import Call, Cancel, Failure, Made, Message, Progress, Result, decode, encode
from wheatstone.settings import Settings
from wheatstone.stages import Stages

_log = logging.getLogger(__name__)

Announce = Callable[[str], None]
"""Tells that a part of the result lies in the folder that the call named, under this name."""

Handler = Callable[[Mapping[str, Any], Stages, Announce], dict[str, Any]]
"""Does what a call asks for: takes its arguments, returns plain JSON."""

_PROGRESS_S = 0.05  # between two reports of one stage


class _Cancellations:
    """Of calls by number, for the thread that listens and the one that works; either may be first to name one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_number: dict[int, Cancellation] = {}

    def of(self, number: int) -> Cancellation:
        """The cancellation of a call."""
        with self._lock:
            return self._by_number.setdefault(number, Cancellation())

    def forget(self, number: int) -> None:
        """The call has ended."""
        with self._lock:
            self._by_number.pop(number, None)


def serve(make_handlers: Callable[[Settings], Mapping[str, Handler]]) -> None:
    """Answer calls until standard input ends, by the handler of each call's name.

    The first line of standard input holds the settings, from which the handlers are made.

    Standard output belongs to the messages: what anything prints goes to standard error, which the parent logs.
    When the parent is gone, this process ends at once, in the middle of whatever it does, with all it has started.
    """
    output = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    calls: queue.SimpleQueue[Call] = queue.SimpleQueue()
    handlers = make_handlers(Settings.model_validate_json(sys.stdin.buffer.readline()))
    cancellations = _Cancellations()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, calls, cancellations), daemon=True).start()
    while True:
        call = calls.get()
        answer = _answer(call, handlers, output, cancellations.of(call.number))
        cancellations.forget(call.number)
        _write(output, answer)


def _listen(source: BinaryIO, calls: queue.SimpleQueue[Call], cancellations: _Cancellations) -> None:
    for line in source:
        message = decode(line)
        if isinstance(message, Call):
            calls.put(message)
        elif isinstance(message, Cancel):
            cancellations.of(message.number).cancel()
    if sys.platform != "win32":
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def _answer(call: Call, handlers: Mapping[str, Handler], output: BinaryIO, cancellation: Cancellation) -> Message:
    stages = Stages(_reporter(output), cancellation)
    try:
        value = handlers[call.name](call.arguments, stages, lambda name: _write(output, Made(name)))
        return Result(value, stages.seconds)
    except WheatstoneError as error:
        return Failure(error.code, str(error))
    except OSError as error:
        if known := error_of_system(error):
            return Failure(known.code, str(known))
        _log.exception("%s failed", call.name)
        return Failure(ModelFailedError.code, f"The system refused: {reason(error)}.")
    except MemoryError:
        _log.exception("%s failed", call.name)
        return Failure(ModelFailedError.code, "There is not enough memory for this.")
    except Exception as error:  # a model may raise anything; the process, and its loaded model, live on
        _log.exception("%s failed", call.name)
        return Failure(ModelFailedError.code, f"{type(error).__name__}: {reason(error)}.")


def _write(output: BinaryIO, message: Message) -> None:
    output.write(encode(message))


def _reporter(output: BinaryIO) -> Callable[[str, float], None]:
    """Sends progress; the beginning and end of a stage always, what lies between not too often."""
    last_s = 0.0

    def report(stage: str, fraction: float) -> None:
        nonlocal last_s
        now_s = time.monotonic()
        if not 0 < fraction < 1 or now_s - last_s >= _PROGRESS_S:
            last_s = now_s
            _write(output, Progress(stage, fraction))

    return report
