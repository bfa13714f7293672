from __future__ import annotations

import ipaddress
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler

import httpcore2
import pytest

from tests.servers import CERTIFICATE, LOOPBACK, redirects, sends, serving
from wheatstone.egress import Egress, Limits, Streamed, resolve_with_system
from wheatstone.errors import EgressFailedError, EgressRefusedError
from wheatstone.settings import EgressSettings

LIMITS = Limits(max_bytes=1_000_000, total_s=10)
NO_BODY = Limits(max_bytes=0, total_s=10)
"""Ends a request after its addresses were checked and before anything is connected to."""


def get(
    url: str,
    *,
    egress: Egress | None = None,
    limits: Limits = LIMITS,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    with (egress or Egress(LOOPBACK)).stream("GET", url, limits=limits, headers=headers) as response:
        assert response.status == 200
        return b"".join(response.chunks)


def at(*addresses: str) -> Callable[[str, int], list[str]]:
    """A resolver for which every name is at these addresses."""
    return lambda host, port: list(addresses)


def trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(CERTIFICATE)
    return context


def test_status_headers_and_body_arrive() -> None:
    with (
        serving(sends(b"no such thing", 404, X_Reason="gone")) as server,
        Egress(LOOPBACK).stream("GET", server.url, limits=LIMITS) as response,
    ):
        assert (response.status, response.headers["x-reason"]) == (404, "gone")
        assert b"".join(response.chunks) == b"no such thing"


def test_a_body_and_headers_can_be_sent() -> None:
    received = []

    def echo(request: BaseHTTPRequestHandler) -> None:
        received.append((request.command, request.rfile.read(int(request.headers["Content-Length"]))))
        sends(b"")(request)

    with serving(echo) as server:
        with Egress(LOOPBACK).stream(
            "POST", server.url + "/hook", limits=LIMITS, headers={"X-Signature": "s"}, content=b"{}"
        ) as response:
            assert response.status == 200
        assert server.headers[0]["x-signature"] == "s"
    assert received == [("POST", b"{}")]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "0.0.0.0",  # noqa: S104
        "10.1.2.3",
        "100.64.0.1",
        "169.254.169.254",
        "192.168.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[::127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::10.0.0.1]",
        "[64:ff9b:1::8.8.8.8]",
        "[2002:7f00:1::1]",
        "[2001:db8::1]",
        "[fc00::1]",
        "[fe80::1]",
        "[fec0::1]",
        "[ff0e::1]",
    ],
)
def test_an_address_that_is_not_public_is_refused(host: str) -> None:
    with pytest.raises(EgressRefusedError, match="not at a public address"):
        get(f"http://{host}/", egress=Egress(EgressSettings()))


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1"])
def test_an_odd_spelling_of_a_private_address_gets_nowhere(host: str) -> None:
    with pytest.raises((EgressRefusedError, EgressFailedError)) as caught:
        get(f"http://{host}/", egress=Egress(EgressSettings()), limits=NO_BODY)
    assert "too slow" not in str(caught.value)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_a_public_address_is_not_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []

    def connect(_backend: object, host: str, *_: object) -> None:
        called.append(host)
        raise httpcore2.ConnectError("made by a test")

    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", connect)
    with pytest.raises(EgressFailedError, match="made by a test"):
        get("http://example.com/", egress=Egress(EgressSettings(), resolve=at(address)))
    assert called == [str(ipaddress.ip_address(address))]


def test_a_name_that_resolves_to_a_private_address_is_refused() -> None:
    with pytest.raises(EgressRefusedError, match=r"innocent\.example is not at a public address"):
        get("http://innocent.example/", egress=Egress(EgressSettings(), resolve=at("10.0.0.1")))


def test_one_private_address_among_public_ones_refuses_the_name() -> None:
    with pytest.raises(EgressRefusedError):
        get("http://mixed.example/", egress=Egress(EgressSettings(), resolve=at("8.8.8.8", "::1")), limits=NO_BODY)


def test_the_refusal_does_not_tell_the_address_behind_a_name() -> None:
    with pytest.raises(EgressRefusedError) as caught:
        get("http://intranet.example/", egress=Egress(EgressSettings(), resolve=at("10.9.8.7")))
    assert "10.9.8.7" not in str(caught.value)


def test_a_name_is_resolved_once_and_stays_in_the_host_header() -> None:
    asked = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    with serving(sends(b"ok")) as server:
        url = f"http://rebinding.example:{server.port}/"
        assert get(url, egress=Egress(LOOPBACK, resolve=resolve)) == b"ok"
        assert server.headers[0]["host"] == f"rebinding.example:{server.port}"
    assert asked == [("rebinding.example", server.port)]


def test_the_next_address_is_tried_when_one_cannot_be_connected_to() -> None:
    with serving(sends(b"ok")) as server:
        url = f"http://two.example:{server.port}/"
        assert get(url, egress=Egress(LOOPBACK, resolve=at("::1", "127.0.0.1"))) == b"ok"


def test_the_certificate_is_checked_for_the_name() -> None:
    egress = Egress(LOOPBACK, resolve=at("127.0.0.1"), tls=trusting)
    with serving(sends(b"secret"), tls=True) as server:
        assert get(f"https://pinned.test:{server.port}/", egress=egress) == b"secret"
        with pytest.raises(EgressFailedError, match=r"certificate is not valid for 'other\.test'"):
            get(f"https://other.test:{server.port}/", egress=egress)


def test_an_unknown_certificate_is_refused() -> None:
    egress = Egress(LOOPBACK, resolve=at("127.0.0.1"))
    with (
        serving(sends(b"secret"), tls=True) as server,
        pytest.raises(EgressFailedError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        get(f"https://pinned.test:{server.port}/", egress=egress)


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serving(sends(b"direct")) as server:
        assert get(server.url) == b"direct"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "http:///path",
        "//example.com/",
        "",
        "http://a\nb/",
        "http://a/\ud800",
    ],
)
def test_only_web_urls_are_fetched(url: str) -> None:
    with pytest.raises(EgressRefusedError):
        get(url)


@pytest.mark.parametrize("port", [0, 65536])
def test_a_port_that_does_not_exist_is_refused(port: int) -> None:
    with pytest.raises(EgressRefusedError, match="port"):
        get(f"http://127.0.0.1:{port}/")


def test_credentials_in_a_url_are_refused_and_not_repeated() -> None:
    with pytest.raises(EgressRefusedError, match=r"example\.com") as caught:
        get("http://user:hunter2@example.com/?token=hunter3")
    assert "hunter" not in str(caught.value)


def test_a_redirect_is_followed_with_its_headers() -> None:
    with serving(sends(b"here")) as target, serving(redirects(f"{target.url}/file")) as server:
        assert get(server.url, headers={"Range": "bytes=5-"}) == b"here"
        assert target.headers[0]["range"] == "bytes=5-"


def test_a_redirect_to_another_origin_takes_no_credentials_along() -> None:
    with serving(sends(b"here")) as target, serving(redirects(target.url)) as server:
        get(server.url, headers={"Authorization": "Bearer t", "Cookie": "c"})
        assert server.headers[0]["authorization"] == "Bearer t"
        assert not {"authorization", "cookie"} & target.headers[0].keys()


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://10.0.0.1/", r"10\.0\.0\.1 is not at a public address"),
        ("file:///etc/passwd", "redirected to where it may not"),
        ("http://user:hunter2@127.0.0.1/", "redirected to where it may not"),
        ("http://127.0.0.1:port/", "redirected to where it may not"),
    ],
)
def test_a_redirect_is_checked_like_the_first_url(location: str, reason: str) -> None:
    with serving(redirects(location)) as server, pytest.raises(EgressRefusedError, match=reason) as caught:
        get(server.url)
    assert "hunter2" not in str(caught.value)


def test_redirects_end_after_as_many_as_allowed() -> None:
    with serving(redirects("/again")) as server:
        with pytest.raises(EgressRefusedError, match="More than 2 redirects"):
            get(server.url, limits=Limits(max_bytes=10, total_s=10, redirects=2))
        assert len(server.headers) == 3


def test_a_redirect_from_https_to_http_is_refused() -> None:
    egress = Egress(LOOPBACK, resolve=at("127.0.0.1"), tls=trusting)
    with serving(sends(b"plain")) as plain, serving(redirects(plain.url), tls=True) as server:
        with pytest.raises(EgressRefusedError, match="from https to http"):
            get(f"https://pinned.test:{server.port}/", egress=egress)
        assert not plain.headers


def test_a_redirected_post_is_not_repeated_elsewhere() -> None:
    with serving(sends(b"")) as target, serving(redirects(target.url, 307)) as server:
        with Egress(LOOPBACK).stream("POST", server.url, limits=LIMITS, content=b"x") as response:
            assert response.status == 307
        assert not target.headers


def test_a_body_that_announces_too_much_is_refused_before_it_is_read() -> None:
    def announce(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(10**15))
        request.end_headers()

    with serving(announce) as server, pytest.raises(EgressRefusedError, match="more than the 1000000 bytes"):
        get(server.url)


def test_a_body_that_never_ends_is_refused() -> None:
    def flood(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while True:
            request.wfile.write(bytes(100_000))

    with serving(flood) as server, pytest.raises(EgressRefusedError, match="more than the 1000000 bytes"):
        get(server.url)


def drip(request: BaseHTTPRequestHandler) -> None:
    """Never silent for long, and never done."""
    for _ in range(200):
        request.wfile.write(b"x")
        time.sleep(0.02)


def drip_body(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    drip(request)


def drip_header(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    drip(request)


@pytest.mark.parametrize("answer", [drip_body, drip_header])
def test_a_server_that_drips_is_cut_off_at_the_total_time(
    answer: Callable[[BaseHTTPRequestHandler], None],
) -> None:
    with serving(answer) as server, pytest.raises(EgressFailedError, match=r"too slow .* 0\.2 s in all"):
        get(server.url, limits=Limits(max_bytes=1000, total_s=0.2))


def test_a_silent_server_is_given_up_on() -> None:
    with serving(lambda request: time.sleep(2)) as server, pytest.raises(EgressFailedError, match="too slow"):
        get(server.url, limits=Limits(max_bytes=1000, total_s=10, silence_s=0.1))


def test_a_body_that_breaks_off_is_a_failure() -> None:
    def cut(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "10")
        request.end_headers()
        request.wfile.write(b"half")

    with serving(cut) as server, pytest.raises(EgressFailedError, match="received 4 bytes, expected 10"):
        get(server.url)


def test_a_closed_port_is_a_failure() -> None:
    with serving(sends(b"")) as server:
        url = server.url
    with pytest.raises(EgressFailedError, match=r"127\.0\.0\.1"):
        get(url)


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 64 + ".example", "a..b"])
def test_a_name_without_an_address_is_a_failure(host: str) -> None:
    with pytest.raises((EgressFailedError, EgressRefusedError)):
        get(f"http://{host}/")


def test_the_system_knows_the_address_of_this_machine() -> None:
    assert set(resolve_with_system("localhost", 80)) & {"127.0.0.1", "::1"}


def test_a_name_that_takes_too_long_to_look_up_is_given_up() -> None:
    release = threading.Event()

    def resolve(_host: str, _port: int) -> list[str]:
        release.wait(60)
        return []

    egress = Egress(EgressSettings(), resolve=resolve)
    limits = Limits(max_bytes=10, total_s=0.2)
    with (
        pytest.raises(EgressFailedError, match=r"too slow .* 0\.2 s in all"),
        egress.stream("GET", "http://slow.test/", limits=limits),
    ):
        pass
    release.set()


def test_a_body_can_be_sent_in_pieces() -> None:
    received = []

    def echo(request: BaseHTTPRequestHandler) -> None:
        received.append(request.rfile.read(int(request.headers["Content-Length"])))
        sends(b"")(request)

    with (
        serving(echo) as server,
        Egress(LOOPBACK).stream(
            "POST", server.url, limits=LIMITS, content=Streamed(6, iter([b"in ", b"", b"two"]))
        ) as response,
    ):
        assert response.status == 200
    assert received == [b"in two"]
    assert "transfer-encoding" not in server.headers[0]


def test_a_body_that_cannot_be_read_to_its_end_ends_the_request() -> None:
    def broken() -> Iterator[bytes]:
        yield b"in "
        raise OSError("the disk is broken")

    with (
        serving(sends(b"")) as server,
        pytest.raises(OSError, match="the disk is broken"),
        Egress(LOOPBACK).stream("POST", server.url, limits=LIMITS, content=Streamed(6, broken())),
    ):
        pass
