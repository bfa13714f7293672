"""The foreign side: `python child.py ADAPTER NAME`, run by the interpreter of the model's own environment.

It must run on Python 3.9 and needs nothing but the standard library; no part of Wheatstone is imported there.
ADAPTER is a Python file with one function, which makes the model ready and returns what runs it:

    def load(options, run):
        ...
        def reconstruct(arguments, data, run):
            with run.stage("mesh"):
                run.part("output3d.zip", ...)
        return reconstruct

`options` and `arguments` are plain JSON, `data` is bytes, and `run` is a `Run`. What `load` and `reconstruct`
raise becomes a failure for a person to read; an exception with an attribute `wheatstone_code` goes by that code.

Both directions of the pipe speak in frames: the character RS, a JSON object and a line feed; if the object has
`bytes`, as many bytes follow. To the child go `call` (`number`, `name` of `load` or `run`, `arguments`) and
`cancel` (`number`); back come, with the call's `number`, any number of `progress` (`stage`, `fraction`) and `part`
(`name`), then one `done` (`seconds` by stage) or one `failed` (`code`, `message`); what comes later is dropped.
Lines that do not begin a frame are noise.
"""

from __future__ import annotations

import faulthandler
import importlib.util
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

MARK = b"\x1e"
"""Begins a frame; JSON never holds it raw, and nobody prints it."""
MAX_DATA_BYTES = 1_000_000_000
"""Most bytes that may follow a frame's object."""

_MAX_LINE_BYTES = 1_000_000
_MAX_MESSAGE_CHARACTERS = 500
_PROGRESS_S = 0.05  # between two reports of one stage
_OUT_OF_MEMORY = ("out of memory", "alloc_failed")

Frame = tuple[dict[str, Any], bytes]
Reconstruct = Callable[[dict[str, Any], bytes, "Run"], None]


class Cancelled(BaseException):
    """The run was told to end; no `Exception`, lest a model's own `except Exception` hold it back."""


class Run:
    """What a model may say while it works."""

    def __init__(self, send: Callable[..., None], cancelled: threading.Event) -> None:
        self.seconds: dict[str, float] = {}
        self._send = send
        self._cancelled = cancelled
        self._last_s = 0.0

    def check(self) -> None:
        """End here if the run was told to: raises what only this file catches."""
        if self._cancelled.is_set():
            raise Cancelled

    def progress(self, stage: str, fraction: float) -> None:
        """Tell how far a stage is, 0 to 1; may be called often; ends the run like `check`."""
        self.check()
        now_s = time.monotonic()
        if not 0 < fraction < 1 or now_s - self._last_s >= _PROGRESS_S:
            self._last_s = now_s
            self._send({"kind": "progress", "stage": stage, "fraction": min(max(float(fraction), 0.0), 1.0)})

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[float], None]]:
        """Time a stage; yields a function that takes its progress, 0 to 1."""
        self.progress(name, 0)
        began_s = time.monotonic()
        try:
            yield lambda fraction: self.progress(name, fraction)
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began_s
        self.progress(name, 1)

    def part(self, name: str, data: bytes) -> None:
        """Hand over a result as soon as it exists."""
        self.check()
        self._send({"kind": "part", "name": name}, data)


def write_frame(target: IO[bytes], header: dict[str, Any], data: bytes = b"") -> None:
    """Send a frame.

    Raises:
        OSError: nobody listens any more.
    """
    text = json.dumps({**header, "bytes": len(data)}).encode()
    target.write(MARK + text + b"\n")
    target.write(data)
    target.flush()


def read_frame(source: IO[bytes], on_noise: Callable[[bytes], None]) -> Frame | None:
    """The next frame; None at the end, also when it comes within a frame. What lies between frames is noise.

    Raises:
        ValueError: what follows the mark is no frame.
    """
    while True:
        line = source.readline(_MAX_LINE_BYTES)
        noise, mark, text = line.rpartition(MARK)
        if not line:
            return None
        if not mark:
            on_noise(line)
            continue
        if noise:
            on_noise(noise)
            if not text.endswith(b"\n"):  # noise has used up the line
                text += source.readline(_MAX_LINE_BYTES)
        if not text.endswith(b"\n") and len(line) < _MAX_LINE_BYTES:
            return None
        header = json.loads(text)
        size = header.pop("bytes", 0) if isinstance(header, dict) else -1
        if not isinstance(size, int) or not 0 <= size <= MAX_DATA_BYTES:
            raise ValueError("a frame without a sensible size")
        data = source.read(size)
        return (header, data) if len(data) == size else None


def main(adapter: str, name: str) -> None:
    """Answer calls until the parent is gone; then end at once, in the middle of whatever is done."""
    source = os.fdopen(os.dup(0), "rb")
    target = os.fdopen(os.dup(1), "wb")
    # Standard output belongs to the frames: what anything prints goes to standard error, which the parent logs.
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    sys.path.pop(0)  # this folder, which is none of the model's
    calls: queue.SimpleQueue[tuple[dict[str, Any], bytes, threading.Event]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(source, calls), daemon=True).start()
    sending = threading.Lock()

    def answering(number: int) -> Callable[..., None]:
        def send(header: dict[str, Any], data: bytes = b"") -> None:
            with sending:
                write_frame(target, {**header, "number": number}, data)

        return send

    work = _nothing
    while True:
        header, data, cancelled = calls.get()
        send = answering(header["number"])
        run = Run(send, cancelled)
        try:
            run.check()
            if header["name"] == "load":
                work = _adapter(adapter).load(header["arguments"], run)
            else:
                work(header["arguments"], data, run)
            answer: dict[str, Any] = {"kind": "done", "seconds": run.seconds}
        except Cancelled:
            answer = {"kind": "failed", "code": "cancelled", "message": "Cancelled."}
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            code, message = failure_of(error, name)
            answer = {"kind": "failed", "code": code, "message": message}
        send(answer)


def failure_of(error: BaseException, name: str) -> tuple[str, str]:
    """An error's code and what to tell a person of it, as one line."""
    said = " ".join(str(error).split())[:_MAX_MESSAGE_CHARACTERS].rstrip(".")
    code = getattr(error, "wheatstone_code", None)
    if isinstance(code, str):
        return code, f"{said}."
    if isinstance(error, ModuleNotFoundError) and error.name:
        return "model-unavailable", (
            f"The model {name} needs the Python module {error.name}, which its environment ({sys.executable}) "
            "lacks: install it there."
        )
    if isinstance(error, ImportError):
        return "model-unavailable", f"The model {name} cannot be started in {sys.executable}: {said}."
    if isinstance(error, MemoryError):
        return "device-memory", f"The model {name} ran out of memory."
    if type(error).__name__ == "OutOfMemoryError" or any(sign in said.lower() for sign in _OUT_OF_MEMORY):
        return "device-memory", f"The model {name} ran out of its device's memory: {said}."
    return "model-failed", f"The model {name} failed: {type(error).__name__}{': ' if said else ''}{said}."


def _nothing(_arguments: dict[str, Any], _data: bytes, _run: Run) -> None:
    raise RuntimeError("nothing was loaded")


def _adapter(path: str) -> Any:
    spec = importlib.util.spec_from_file_location("wheatstone_adapter", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _listen(source: IO[bytes], calls: queue.SimpleQueue[tuple[dict[str, Any], bytes, threading.Event]]) -> None:
    cancelled: dict[int, threading.Event] = {}
    while True:
        frame = read_frame(source, lambda _noise: None)
        if frame is None:
            os._exit(0)
        header, data = frame
        number = header["number"]
        if header["kind"] == "call":
            cancelled = {number: threading.Event()}  # one at a time: those before have ended
            calls.put((header, data, cancelled[number]))
        elif number in cancelled:
            cancelled[number].set()


if __name__ == "__main__":
    main(*sys.argv[1:])
