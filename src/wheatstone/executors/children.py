"""The parent's side of child processes: started when first needed, warm, replaced after a crash."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

import psutil

from wheatstone.errors import CancelledError, ChildCrashedError, error_of
from wheatstone.executors.messages import Call, Cancel, Failure, Made, Message, Progress, Result, decode, encode
from wheatstone.executors.turns import Turns
from wheatstone.settings import Settings
from wheatstone.stages import Stages

_log = logging.getLogger(__name__)

OnMade = Callable[[str], None]
"""Called with the name of each part of a result; what it raises ends the call, and the child."""

_CANCEL_GRACE_S = 1.0
"""How long a cancelled call gets to end by itself, which keeps the child warm, before the child is killed."""


class Child:
    """One child process, `python -m MODULE`, which must call `serving.serve`.

    Attributes:
        idle_since_s: `time.monotonic()` of the end of its last call.
        done: names of the calls that it has answered well.
    """

    def __init__(self, module: str, settings: Settings) -> None:
        """Start it; the settings come as its first line, and where its compiled code lies by variable."""
        self._module = module
        self.idle_since_s = time.monotonic()
        self.done: set[str] = set()
        self._process = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "WHEATSTONE_CACHE_DIR": str(settings.cache_dir)},
            start_new_session=True,  # Ctrl-C is for the server; and what it starts can be ended with it
        )
        calls, answers, lines = self._process.stdin, self._process.stdout, self._process.stderr
        if calls is None or answers is None or lines is None:
            raise RuntimeError("pipes were asked for")
        self._calls, self._answers = calls, answers
        self._sending = threading.Lock()
        self._last_call = 0
        self._is_answered = True
        threading.Thread(target=self._log_lines, args=(lines,), daemon=True).start()
        with contextlib.suppress(OSError):  # it has ended; the first call tells
            self._calls.write(settings.model_dump_json().encode() + b"\n")
            self._calls.flush()

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def rss_bytes(self) -> int:
        """Memory it holds; 0 when it has ended."""
        try:
            return int(psutil.Process(self.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def call(
        self, name: str, arguments: Mapping[str, Any], stages: Stages, on_made: OnMade | None = None
    ) -> dict[str, Any]:
        """What the child answers; its stages are reported and counted as if they ran here.

        `on_made` is called with each part, unless the end was asked for.

        Raises:
            ChildCrashedError: it ended in the middle.
            CancelledError: `stages.cancellation` asked for the end.
            WheatstoneError: as it was raised in the child.
        """
        ended = threading.Event()
        self._last_call += 1
        number = self._last_call

        def cancel() -> None:
            with contextlib.suppress(OSError):  # it is ending anyway
                self._send(Cancel(number))
            threading.Thread(target=self._kill_unless, args=(ended,), daemon=True).start()

        self._is_answered = False
        try:
            with stages.cancellation.telling(cancel):
                try:
                    self._send(Call(number, name, dict(arguments)))
                except OSError:  # a broken pipe
                    raise self._crash(stages) from None
                value = self._wait(stages, on_made)
                self.done.add(name)
                return value
        finally:
            ended.set()
            self.idle_since_s = time.monotonic()
            if not self._is_answered:  # what it still says would be taken for the next call's answer
                self.stop()

    def stop(self) -> None:
        """End it, and what it started, at once."""
        self._kill()
        self._process.wait()
        for pipe in (self._calls, self._answers):
            with contextlib.suppress(OSError):  # what was not sent need not be
                pipe.close()

    def _wait(self, stages: Stages, on_made: OnMade | None) -> dict[str, Any]:
        for line in self._answers:
            match decode(line):
                case Progress(stage, fraction):
                    with contextlib.suppress(CancelledError):  # the child ends the call, or is killed
                        stages.report(stage, fraction)
                case Made(name) if on_made is not None and not stages.cancellation.is_cancelled:
                    on_made(name)
                case Result(value, seconds):
                    self._is_answered = True
                    stages.add(seconds)
                    return value
                case Failure(code, message):
                    self._is_answered = True
                    raise error_of(code, message)
        raise self._crash(stages)

    def _crash(self, stages: Stages) -> Exception:
        code = self._process.wait()
        if stages.cancellation.is_cancelled:
            return CancelledError("Cancelled.")
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        _log.warning("%s (process %d) ended in the middle of its work: %s", self._module, self.pid, how)
        return ChildCrashedError(f"The process that ran the model ended in the middle of it ({how}).")

    def _send(self, message: Message) -> None:
        with self._sending:
            self._calls.write(encode(message))
            self._calls.flush()

    def _kill_unless(self, ended: threading.Event) -> None:
        if not ended.wait(_CANCEL_GRACE_S):
            self._kill()

    def _kill(self) -> None:
        if sys.platform == "win32":
            self._process.kill()
        elif self._process.poll() is None:  # else its number may be another's by now
            os.killpg(self.pid, signal.SIGKILL)

    def _log_lines(self, source: IO[bytes]) -> None:
        with source:
            for line in source:
                text = line.decode(errors="replace").rstrip()
                is_bad = text.startswith(("WARNING", "ERROR", "CRITICAL"))
                _log.log(logging.WARNING if is_bad else logging.INFO, "[%d] %s", self.pid, text)


class ChildPool:
    """Children that run one module: at most `size`, started when first needed, given out in the order asked.

    Attributes:
        restarts: how many ended by themselves, so that another has, or will have, to take their place.
    """

    def __init__(self, module: str, size: int, settings: Settings) -> None:
        self.restarts = 0
        self._module = module
        self._settings = settings
        self._turns = Turns(size)
        self._lock = threading.Lock()
        self._idle: list[Child] = []
        self._busy: list[Child] = []

    def call(
        self, name: str, arguments: Mapping[str, Any], stages: Stages, on_made: OnMade | None = None
    ) -> dict[str, Any]:
        """Wait for a child, then `Child.call`."""
        with self._turns.turn(stages.cancellation), self._child() as child:
            try:
                return child.call(name, arguments, stages, on_made)
            except ChildCrashedError:
                with self._lock:
                    self.restarts += 1
                raise

    @property
    def children(self) -> list[Child]:
        """Those that run."""
        with self._lock:
            return [child for child in [*self._idle, *self._busy] if child.is_alive]

    @property
    def idle_children(self) -> list[Child]:
        """Those that wait for work."""
        with self._lock:
            return list(self._idle)

    def evict(self, child: Child) -> bool:
        """End a child if it is idle; whether it was."""
        with self._lock:
            if child not in self._idle:
                return False
            self._idle.remove(child)
        child.stop()
        return True

    def stop(self) -> None:
        """End all children, at once."""
        with self._lock:
            children = [*self._idle, *self._busy]
            self._idle.clear()
        for child in children:
            child.stop()

    @contextmanager
    def _child(self) -> Iterator[Child]:
        with self._lock:
            while self._idle and not self._idle[-1].is_alive:  # it was killed while idle
                self._idle.pop().stop()
                self.restarts += 1
            child = self._idle.pop() if self._idle else Child(self._module, self._settings)
            self._busy.append(child)
        try:
            yield child
        finally:
            with self._lock:
                self._busy.remove(child)
                if child.is_alive:
                    self._idle.append(child)
                else:
                    child.stop()
