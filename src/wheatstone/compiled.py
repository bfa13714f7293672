"""Compiled kernels: numba behind one typed decorator, its cache in our cache folder, threads from Python.

Kernels release the GIL and are started from a thread pool, one call per chunk. That keeps results
independent of the thread count and works under every numba threading layer (`workqueue` aborts the
process when two threads enter parallel kernels at once).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import numba
from numba.core import event as numba_events

from wheatstone.settings import load_settings
from wheatstone.version import VERSION

_log = logging.getLogger(__name__)
_config: Any = numba.config  # its attributes are made at run time
_register: Any = numba_events.register  # numba gives these two no types
_unregister: Any = numba_events.unregister

Function = TypeVar("Function", bound=Callable[..., Any])


@contextmanager
def _cache_in_our_folder() -> Iterator[None]:
    """Numba picks the cache folder when a function is decorated: point it to ours just for that moment."""
    before = _config.CACHE_DIR
    _config.CACHE_DIR = str(load_settings().cache_dir / "compiled" / VERSION)
    try:
        yield
    finally:
        _config.CACHE_DIR = before


class _Announcer(numba_events.Listener):
    """Says once that kernels are being compiled, so that nobody wonders what takes so long."""

    def on_start(self, event: numba_events.Event) -> None:
        if event.data["dispatcher"].py_func.__module__.startswith("wheatstone."):
            _unregister("numba:compile", self)
            _log.info("compiling for this processor; later runs skip this")

    def on_end(self, event: numba_events.Event) -> None:
        """The first start says it all."""


_register("numba:compile", _Announcer())


def kernel(function: Function) -> Function:
    """Compile `function` at its first call, without the GIL, and keep the machine code for later runs.

    Floating-point arithmetic keeps IEEE order, so that results do not depend on vector width.
    """
    with _cache_in_our_folder():
        try:
            return cast("Function", numba.njit(cache=True, nogil=True)(function))
        except RuntimeError:  # nowhere to write (a read-only container): compile anew in every process
            return cast("Function", numba.njit(nogil=True)(function))


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
