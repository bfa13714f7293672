"""Metrics on a port of their own, so that whoever may read them need not reach the rest."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import start_http_server

from wheatstone.errors import BadOptionError, ServerBusyError
from wheatstone.server.metrics import Metrics


@contextmanager
def serving_metrics(metrics: Metrics, host: str, port: int) -> Iterator[int]:
    """Answer at that address, in threads of its own, while the block runs; yields the port.

    Raises:
        ServerBusyError: the port is another server's.
        BadOptionError: the address cannot be listened on.
    """
    try:
        server, thread = start_http_server(port, host, metrics.registry)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            message = f"Port {port} of {host}, for metrics, is in use: set another as monitoring.port."
            raise ServerBusyError(message) from error
        message = f"{host} port {port}, for metrics, cannot be listened on: {error.strerror}."
        raise BadOptionError(message) from error
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
