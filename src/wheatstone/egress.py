"""The one guarded way out: every URL this program fetches or calls goes through here.

A URL may come from a stranger (a picture to fetch, a webhook to call) and must not reach what only this
machine can reach. The guard sits where the socket is opened, on the very addresses that are connected to:
no redirect, second look-up or odd spelling of an address comes between the check and the connection. TLS
and the `Host` header still use the name. Proxies set in the environment are not used.
"""

from __future__ import annotations

import functools
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpcore2
import httpx2

from wheatstone.errors import EgressFailedError, EgressRefusedError
from wheatstone.settings import EgressSettings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Iterable[str]]
"""Host name and port to IP addresses, in the order to try; raises OSError when there are none."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CREDENTIALS = ("authorization", "cookie", "proxy-authorization")

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Limits:
    """What an answer may be at most.

    Attributes:
        max_bytes: size of the body in bytes.
        total_s: time for the whole exchange, redirects and body included, in seconds.
        silence_s: time for any single wait for the other side, in seconds.
        redirects: how many redirects are followed.
    """

    max_bytes: int
    total_s: float
    silence_s: float = 30.0
    redirects: int = 5


@dataclass(frozen=True, slots=True)
class Streamed:
    """A body that is sent piece by piece.

    Attributes:
        size_bytes: of all pieces together.
        chunks: the pieces, once; what they raise ends the request, and is raised by it.
    """

    size_bytes: int
    chunks: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Response:
    """An answer whose body has not been read yet.

    Attributes:
        status: HTTP status code.
        headers: header fields, names in any case.
        chunks: the body as it arrives, once; raises EgressRefusedError when it exceeds its limit and
            EgressFailedError when it breaks off or is too slow.
    """

    status: int
    headers: httpx2.Headers
    chunks: Iterator[bytes]


def resolve_with_system(host: str, port: int) -> list[str]:
    """The addresses the operating system knows for `host`."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Egress:
    """Makes requests, to public addresses and those the settings allow."""

    def __init__(
        self,
        settings: EgressSettings,
        *,
        resolve: Resolve = resolve_with_system,
        tls: Callable[[], ssl.SSLContext] = httpcore2.default_ssl_context,
    ) -> None:
        self._guard = _Guard(settings, resolve)
        self._tls = functools.cache(tls)  # reading the certificates takes a while: only for https, and once

    @contextmanager
    def stream(
        self,
        method: str,
        url: str,
        *,
        limits: Limits,
        headers: Mapping[str, str] | None = None,
        content: bytes | Streamed | None = None,
    ) -> Iterator[Response]:
        """Make a request; yields the answer to it, whatever its status.

        Redirects of GET and HEAD, which have no body, are followed, each checked as the first; those of other
        methods are yielded as they are. The body comes as it was sent: no compression is asked for or undone.

        Raises:
            EgressRefusedError: the URL, or one it redirects to, may not be reached; or the answer exceeds its
                limits.
            EgressFailedError: the other side cannot be reached, breaks off or is too slow.
        """
        deadline = _Deadline(limits)
        target = checked_url(url)
        fields = httpx2.Headers({"User-Agent": "wheatstone", "Accept": "*/*", "Accept-Encoding": "identity"})
        fields.update(headers)
        if isinstance(content, Streamed):
            fields["Content-Length"] = str(content.size_bytes)
        for _hop in range(limits.redirects + 1):
            with self._exchange(method, target, fields, content, limits, deadline) as response:
                location = response.headers.get("location")
                if method not in ("GET", "HEAD") or response.status not in _REDIRECTS or location is None:
                    yield response
                    return
            origin = target
            target = _redirected(origin, location)
            if (origin.scheme, origin.netloc) != (target.scheme, target.netloc):
                fields = httpx2.Headers([item for item in fields.items() if item[0] not in _CREDENTIALS])
        raise EgressRefusedError(f"More than {limits.redirects} redirects, the last one to {target.host}.")

    @contextmanager
    def _exchange(
        self,
        method: str,
        url: httpx2.URL,
        fields: httpx2.Headers,
        content: bytes | Streamed | None,
        limits: Limits,
        deadline: _Deadline,
    ) -> Iterator[Response]:
        """One request, on a connection of its own."""
        target = httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        connection = httpcore2.HTTPConnection(
            target.origin,
            ssl_context=self._tls() if url.scheme == "https" else None,
            network_backend=_Backend(self._guard, deadline),
        )
        sent = [(b"Host", url.netloc), *fields.raw, (b"Connection", b"close")]
        body = content.chunks if isinstance(content, Streamed) else content
        timeouts_s = dict.fromkeys(("connect", "read", "write"), limits.silence_s)
        with (
            _failures_told(url.host, limits),
            connection,
            connection.stream(
                method, target, headers=sent, content=body, extensions={"timeout": timeouts_s}
            ) as answer,
        ):
            headers = httpx2.Headers(answer.headers)
            yield Response(answer.status, headers, _chunks(answer, headers, url.host, limits))


class _Guard:
    """Tells which addresses a host may be reached at."""

    def __init__(self, settings: EgressSettings, resolve: Resolve) -> None:
        self._allowed = settings.allow_private
        self._resolve = resolve

    def addresses_of(self, host: str, port: int, timeout_s: float) -> list[str]:
        """All addresses of `host`; one that may not be reached refuses them all."""
        try:
            addresses = [ipaddress.ip_address(address) for address in self._look_up(host, port, timeout_s)]
        except (OSError, UnicodeError) as error:
            raise EgressFailedError(f"{host} has no known address.") from error
        for address in addresses:
            if not self._is_reachable(_destination(address)):
                # The address stays unsaid: strangers shall not use the message to look up names inside.
                raise EgressRefusedError(
                    f"{host} is not at a public address. If it is meant to be reached, list its network in "
                    "WHEATSTONE_EGRESS__ALLOW_PRIVATE."
                )
        return [str(address) for address in addresses]

    def _look_up(self, host: str, port: int, timeout_s: float) -> list[str]:
        """In a thread of its own, which is left behind if it takes too long: the system's call cannot be ended."""
        found: Future[list[str]] = Future()

        def look_up() -> None:
            try:
                found.set_result(list(self._resolve(host, port)))
            except BaseException as error:  # for whoever waits
                found.set_exception(error)

        threading.Thread(target=look_up, daemon=True).start()
        try:
            return found.result(timeout_s)
        except TimeoutError:
            if found.done():
                raise
            raise httpcore2.ConnectTimeout from None

    def _is_reachable(self, address: Address) -> bool:
        if any(address in network for network in self._allowed):
            return True
        if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
            return False
        return address.is_global and not address.is_multicast


def _destination(address: Address) -> Address:
    """Where packets to `address` end up: the IPv4 address inside a mapped, NAT64 or 6to4 one, else itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


class _Deadline:
    """The end of an exchange, counted from its beginning."""

    def __init__(self, limits: Limits) -> None:
        self._end_s = time.monotonic() + limits.total_s

    def cut(self, timeout_s: float | None) -> float:
        """How long a wait may last that alone would last `timeout_s` seconds."""
        left_s = self._end_s - time.monotonic()
        if left_s <= 0:
            raise httpcore2.TimeoutException
        return left_s if timeout_s is None else min(left_s, timeout_s)


class _Backend(httpcore2.SyncBackend):
    """Opens connections to checked addresses only."""

    def __init__(self, guard: _Guard, deadline: _Deadline) -> None:
        self._guard = guard
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        failure: Exception = httpcore2.ConnectError("no address")
        for address in self._guard.addresses_of(host, port, self._deadline.cut(timeout)):
            wait_s = self._deadline.cut(timeout)
            try:
                stream = super().connect_tcp(address, port, wait_s, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                return _Stream(stream, self._deadline)
        raise failure


class _Stream(httpcore2.NetworkStream):
    """A connection on which no wait goes beyond the deadline."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.cut(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.cut(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.cut(timeout))
        return _Stream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def checked_url(text: str) -> httpx2.URL:
    """Parse a URL that may be asked for, as far as its text tells; where its host is, is checked when it is.

    Raises:
        EgressRefusedError: it is not http or https, or has no host, a password or an impossible port. The message
            never repeats it, since a URL may hold secrets.
    """
    try:
        url = httpx2.URL(text)
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise EgressRefusedError("This is not a valid URL.") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise EgressRefusedError(
            f"Only http:// and https:// URLs with a host are fetched, not {url.scheme!r} ones."
        )
    if url.userinfo:
        raise EgressRefusedError(f"The URL for {url.host} holds a user name or password; URLs must not.")
    if url.port is not None and not 0 < url.port < 1 << 16:
        raise EgressRefusedError(f"The URL for {url.host} has a port that does not exist: {url.port}.")
    return url


def _redirected(origin: httpx2.URL, location: str) -> httpx2.URL:
    try:
        target = checked_url(str(origin.join(location)))
    except (EgressRefusedError, httpx2.InvalidURL) as error:
        raise EgressRefusedError(f"{origin.host} redirected to where it may not: {error}") from error
    if origin.scheme == "https" and target.scheme == "http":
        raise EgressRefusedError(f"{origin.host} redirected from https to http ({target.host}).")
    return target


def _chunks(answer: httpcore2.Response, headers: httpx2.Headers, host: str, limits: Limits) -> Iterator[bytes]:
    """The body, refused as soon as it is known to be too large."""
    refusal = EgressRefusedError(f"{host} sends more than the {limits.max_bytes} bytes allowed.")
    if int(headers.get("content-length", 0)) > limits.max_bytes:  # digits: the parser made sure of that
        raise refusal
    received_bytes = 0
    with _failures_told(host, limits):
        for chunk in answer.iter_stream():
            received_bytes += len(chunk)
            if received_bytes > limits.max_bytes:
                raise refusal
            yield chunk


@contextmanager
def _failures_told(host: str, limits: Limits) -> Iterator[None]:
    """Turn the client's exceptions into ours."""
    try:
        yield
    except httpcore2.TimeoutException as error:
        allowed = f"{limits.silence_s:g} s for one answer, {limits.total_s:g} s in all"
        raise EgressFailedError(f"{host} was too slow ({allowed}).") from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        raise EgressFailedError(f"{host}: {error}.") from error
