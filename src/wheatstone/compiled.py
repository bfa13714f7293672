"""Compiled kernels: numba behind one typed decorator, and threads from Python.

Kernels release the GIL and are started from a thread pool, one call per chunk. That keeps results
independent of the thread count and works under every numba threading layer (`workqueue` aborts the
process when two threads enter parallel kernels at once).
"""

from __future__ import annotations

import functools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar, cast

Result = TypeVar("Result")
Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile `function` at its first call, without the GIL, and keep the machine code for later runs.

    Floating-point arithmetic keeps IEEE order, so that results do not depend on vector width.
    """
    return cast("Function", _Kernel(function))


class _Kernel:
    """A function to be compiled; numba takes a third of a second to start and is not imported before a call."""

    _lock = threading.RLock()

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        functools.update_wrapper(self, function)

    def __call__(self, *arguments: object) -> Any:
        with self._lock:
            _show_kernels_to_numba(self._function.__globals__)
        return self._dispatcher(*arguments)

    @functools.cached_property
    def _dispatcher(self) -> Callable[..., Any]:
        from wheatstone import _jit

        return _jit.dispatcher(self._function)


def _show_kernels_to_numba(names: dict[str, Any]) -> None:
    """Put numba's view of all kernels among a module's names in their place: they may call each other."""
    kernels = {name: value for name, value in names.items() if isinstance(value, _Kernel)}
    for value in kernels.values():
        if value._function.__globals__ is not names:
            _show_kernels_to_numba(value._function.__globals__)
    names.update({name: value._dispatcher for name, value in kernels.items()})  # at once, as threads may look


def thread_count() -> int:
    """Threads worth starting: the cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_chunks(work: Callable[[int, int], None], total: int, chunk: int) -> None:
    """Call `work(start, stop)` for consecutive chunks of `range(total)`, on all cores.

    An exception of a chunk is raised here; chunks not yet begun are then left out.

    Args:
        work: writes only to its own part of the outputs; usually a thin call of a kernel.
        total: number of items.
        chunk: items per call; fixed by the caller, never by the thread count, so that results repeat.
    """
    starts = range(0, total, chunk)
    if thread_count() == 1 or len(starts) <= 1:
        for start in starts:
            work(start, min(start + chunk, total))
        return
    with ThreadPoolExecutor(thread_count()) as pool:
        futures = [pool.submit(work, start, min(start + chunk, total)) for start in starts]
        try:
            for future in futures:
                future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def map_chunks(work: Callable[[int, int], Result], total: int, chunk: int) -> Iterator[Result]:
    """Yield `work(start, stop)` for consecutive chunks of `range(total)`, in order, made on all cores.

    One more than there are cores are being made, or wait, at most.

    Args:
        work: makes a part of the whole.
        total: number of items.
        chunk: items per call; fixed by the caller, never by the thread count, so that results repeat.
    """
    ahead: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(thread_count()) as pool:
        for start in range(0, total, chunk):
            ahead.append(pool.submit(work, start, min(start + chunk, total)))
            if len(ahead) > thread_count():
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
