"""The process that serves: binds, says where, serves until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import math
import signal
import socket
import threading
import webbrowser
from collections.abc import Callable
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext

import uvicorn

from wheatstone.errors import BadOptionError, ServerBusyError
from wheatstone.jobs import Runtime
from wheatstone.server.app import create_app
from wheatstone.server.metrics_server import serving_metrics
from wheatstone.settings import Settings

_BACKLOG = 2048
_PING_S = 20.0
"""How often a WebSocket is asked whether it lives, and how long it has to answer."""
_ANY = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared with, not bound to


class _Server(uvicorn.Server):
    """Leaves signals to us: uvicorn would raise them again at the end, and so kill what still drains."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Capture none."""
        return nullcontext()


def serve(
    settings: Settings,
    announce: Callable[[str], None],
    *,
    browser: bool,
    clear_cache: bool = False,
) -> None:
    """Serve until SIGTERM or Ctrl-C, then let running stages finish.

    Args:
        settings: of the server.
        announce: told the address once requests are answered.
        browser: also open the address there.
        clear_cache: begin without results kept for equal requests.

    Raises:
        ServerBusyError: the port, or the folder, is another server's.
        BadOptionError: the address cannot be listened on, or others can reach it and no key is set.
        StorageUnavailableError: a folder or the database cannot be used.
    """
    with contextlib.closing(_bind(settings.server.host, settings.server.port)) as listening:
        runtime = Runtime(settings, clear_cache=clear_cache)
        asyncio.run(_serve(runtime, listening, announce, browser=browser))


async def _serve(
    runtime: Runtime, listening: socket.socket, announce: Callable[[str], None], *, browser: bool
) -> None:
    settings = runtime.settings
    app = create_app(runtime)
    async with runtime, AsyncExitStack() as resources:
        monitoring = settings.monitoring
        if monitoring.enabled and monitoring.port is not None:
            resources.enter_context(serving_metrics(app.state.metrics, settings.server.host, monitoring.port))
        server = _Server(
            uvicorn.Config(
                app,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=settings.performance.timeout_keep_alive,
                timeout_graceful_shutdown=math.ceil(settings.server.drain_timeout_s),
                ws="websockets-sansio",
                ws_max_size=settings.pictures.max_bytes,
                ws_ping_interval=_PING_S,
                ws_ping_timeout=_PING_S,
                ws_per_message_deflate=False,  # photos and parts are compressed already
            )
        )
        _heed_signals(server, runtime)
        host, port = listening.getsockname()[:2]
        address = f"http://{_ANY.get(host, f'[{host}]' if ':' in host else host)}:{port}/"
        announce(address)
        if browser:  # in a thread, as a browser in the terminal stays until it is left
            threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()
        await server.serve(sockets=[listening])


def _heed_signals(server: uvicorn.Server, runtime: Runtime) -> None:
    """Asked to end, let running stages finish; asked again, hand them back at once."""
    loop = asyncio.get_running_loop()

    def end() -> None:
        if server.should_exit:
            server.force_exit = True
            runtime.services.hurry()
        server.should_exit = True
        runtime.services.begin_draining()

    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, end)
        except NotImplementedError:  # on Windows
            signal.signal(number, lambda _number, _frame: loop.call_soon_threadsafe(end))


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except UnicodeError as error:
        raise BadOptionError(f"{host!r} is no name of a host.") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            message = f"Port {port} of {host} is in use: stop what runs there, or give another with --port."
            raise ServerBusyError(message) from error
        raise BadOptionError(f"{host} port {port} cannot be listened on: {error.strerror}.") from error
    return listening
