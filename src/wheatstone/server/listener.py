"""The process that serves: binds, says where, serves until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
import webbrowser
from collections.abc import Callable
from types import FrameType

import uvicorn

from wheatstone.errors import BadOptionError, ServerBusyError
from wheatstone.server.app import create_app
from wheatstone.settings import Settings

_BACKLOG = 2048
_EADDRINUSE = 98
_ANY = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared with, not bound to


class _Server(uvicorn.Server):
    """Tells when it is asked to end, before it waits for open connections; asked twice, it waits for nothing.

    uvicorn itself would raise the signal again at the end, and so kill what still drains.
    """

    on_exit: Callable[[], object]

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        del sig, frame
        self.force_exit = self.should_exit
        self.should_exit = True
        self.on_exit()


def serve(settings: Settings, announce: Callable[[str], None], *, browser: bool) -> None:
    """Serve until SIGTERM or Ctrl-C, then let running stages finish.

    Args:
        settings: of the server.
        announce: told the address once requests are answered.
        browser: also open the address there.

    Raises:
        ServerBusyError: the port, or the folder, is another server's.
        BadOptionError: the address cannot be listened on.
        StorageUnavailableError: a folder or the database cannot be used.
    """
    with contextlib.closing(_bind(settings.server.host, settings.server.port)) as listening:
        asyncio.run(_serve(settings, listening, announce, browser=browser))


async def _serve(
    settings: Settings, listening: socket.socket, announce: Callable[[str], None], *, browser: bool
) -> None:
    app = create_app(settings)
    runtime = app.state.runtime
    async with runtime:
        server = _Server(
            uvicorn.Config(
                app,
                lifespan="off",
                log_config=None,
                log_level=logging.getLevelName(settings.server.log_level),
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=round(settings.server.drain_timeout_s) + 1,
            )
        )
        loop = asyncio.get_running_loop()
        server.on_exit = lambda: loop.call_soon_threadsafe(runtime.services.begin_draining)
        host, port = listening.getsockname()[:2]
        address = f"http://{_ANY.get(host, f'[{host}]' if ':' in host else host)}:{port}/"
        announce(address)
        if browser:  # in a thread, as a browser in the terminal stays until it is left
            threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()
        await server.serve(sockets=[listening])


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        if error.errno == _EADDRINUSE:
            message = f"Port {port} of {host} is in use: stop what runs there, or give another with --port."
            raise ServerBusyError(message) from error
        raise BadOptionError(f"{host} port {port} cannot be listened on: {error.strerror}.") from error
    return listening
