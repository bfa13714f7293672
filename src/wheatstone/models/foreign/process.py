"""A foreign model's process, as its parent sees it."""

from __future__ import annotations

import contextlib
import logging
import queue
import signal
import subprocess
import threading
from typing import IO, Any

import psutil

from wheatstone.errors import ChildCrashedError, ModelFailedError, ModelUnavailableError, reason
from wheatstone.models.foreign import child
from wheatstone.models.foreign.child import Frame
from wheatstone.models.foreign.environment import Environment
from wheatstone.models.foreign.scratch import scratch_dir

_log = logging.getLogger(__name__)

_ENDING_S = 2.0
"""How long a process that has closed its pipe gets to end by itself, which tells how it ended; and how long what
one that has ended sent before may take to be read."""
_MAX_LINE_BYTES = 10_000


class Process:
    """Runs `foreign/child.py` in another environment. Not for several threads at once."""

    def __init__(self, name: str, environment: Environment) -> None:
        """Start it.

        Raises:
            ModelUnavailableError: the interpreter cannot be started.
        """
        self._name = name
        self._scratch = contextlib.ExitStack()
        folder = self._scratch.enter_context(scratch_dir(name))
        try:
            # In our group, so that whoever ends this process with all it has started ends that one, too.
            self._process = subprocess.Popen(  # noqa: S603 - what the owner of these settings configured
                [str(environment.python), child.__file__, str(environment.adapter), name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment.variables_in(folder),
            )
        except OSError as error:
            self._scratch.close()
            raise ModelUnavailableError(
                f"The model {name} cannot be started: {environment.python}: {error.strerror}."
            ) from error
        calls, answers, lines = self._process.stdin, self._process.stdout, self._process.stderr
        if calls is None or answers is None or lines is None:
            raise RuntimeError("pipes were asked for")
        self._calls: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        self._frames: queue.SimpleQueue[Frame | Exception | None] = queue.SimpleQueue()
        for work, pipe in (
            (self._write_frames, calls),
            (self._read_frames, answers),
            (self._log_lines, lines),
        ):
            threading.Thread(target=work, args=(pipe,), daemon=True).start()

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def send(self, header: dict[str, Any], data: bytes = b"") -> None:
        """Send a frame, which is read when it is read: `receive` tells if that comes to nothing.

        Raises:
            ChildCrashedError: it has ended.
        """
        if not self.is_alive:
            raise self._crash()
        self._calls.put((header, data))

    def receive(self, timeout_s: float) -> Frame | None:
        """The next frame; None if none comes in time.

        Raises:
            ChildCrashedError: it has ended.
            ModelFailedError: it sent something that is no frame.
        """
        has_ended = not self.is_alive
        try:
            frame = self._frames.get(timeout=_ENDING_S if has_ended else timeout_s)
        except queue.Empty:
            if not has_ended:
                return None
            frame = None  # something that it started lives on and holds the pipe open
        if frame is None:
            raise self._crash()
        if isinstance(frame, Exception):
            _log.warning("The model %s broke its protocol: %s", self._name, reason(frame))
            raise ModelFailedError(f"The model {self._name} sent something that cannot be understood.")
        return frame

    def stop(self) -> None:
        """End it, and what it started, at once; its temporary files go, too."""
        if self.is_alive:  # else its number may be another's by now
            with contextlib.suppress(psutil.NoSuchProcess):
                for started in psutil.Process(self._process.pid).children(recursive=True):
                    started.kill()
            self._process.kill()
        self._process.wait()
        self._calls.put(None)
        self._scratch.close()

    def _crash(self) -> Exception:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_ENDING_S)
        self.stop()
        code = self._process.returncode
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        _log.warning("The model %s (process %d) ended by itself: %s", self._name, self._process.pid, how)
        return ChildCrashedError(f"The process of the model {self._name} ended in the middle of its work ({how}).")

    def _write_frames(self, target: IO[bytes]) -> None:
        try:
            with target:
                while frame := self._calls.get():
                    child.write_frame(target, *frame)
        except OSError:  # a broken pipe
            self._frames.put(None)

    def _read_frames(self, source: IO[bytes]) -> None:
        with source:
            try:
                while frame := child.read_frame(source, self._log_line):
                    self._frames.put(frame)
            except (ValueError, RecursionError) as error:
                self._frames.put(error)
        self._frames.put(None)

    def _log_lines(self, source: IO[bytes]) -> None:
        with source:
            for line in iter(lambda: source.readline(_MAX_LINE_BYTES), b""):
                self._log_line(line)

    def _log_line(self, line: bytes) -> None:
        _log.info("[%s %d] %s", self._name, self._process.pid, line.decode(errors="replace").rstrip())
