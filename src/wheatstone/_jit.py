"""What turns a kernel into machine code: numba, imported at a kernel's first call, and where it keeps results."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numba
from numba.core import event as numba_events

from wheatstone.settings import load_settings
from wheatstone.version import VERSION

_log = logging.getLogger("wheatstone.compiled")
_config: Any = numba.config  # its attributes are made at run time
_register: Any = numba_events.register  # numba gives these two no types
_unregister: Any = numba_events.unregister


def dispatcher(function: Callable[..., Any]) -> Callable[..., Any]:
    """Numba's view of a kernel: compiled at its first call, without the GIL, and kept for later runs."""
    with _cache_in_our_folder():
        try:
            compiled: Callable[..., Any] = numba.njit(cache=True, nogil=True)(function)
        except RuntimeError:  # nowhere to write (a read-only container): compile anew in every process
            compiled = numba.njit(nogil=True)(function)
    return compiled


@contextmanager
def _cache_in_our_folder() -> Iterator[None]:
    """Numba picks the cache folder when it sees a function: point it to ours just for that moment."""
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
