from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.client.conftest import Connect
from tests.client.scripted import Answer, batch, head, job, refuses, says, scripted
from wheatstone.errors import OutputExistsError, ServerUnreachableError, UnknownTaskError
from wheatstone.wire import Job

CONTENT = os.urandom(300_000)
DONE = Job.model_validate(job())


def whole(cut: int | None = None, etag: str = '"1"', *, resets: bool = False) -> Answer:
    sent = head(200, Content_Length=len(CONTENT), ETag=etag) + CONTENT[:cut]
    return Answer(sent, hangs_up=cut is not None, resets=resets)


def rest(start: int, cut: int | None = None) -> Answer:
    last = len(CONTENT) - 1
    fields = {"Content_Range": f"bytes {start}-{last}/{len(CONTENT)}", "Content_Length": len(CONTENT) - start}
    return Answer(head(206, ETag='"1"', **fields) + CONTENT[start:cut], hangs_up=cut is not None)


def test_a_file_is_named_by_the_caller_or_like_the_photo(connect: Connect, tmp_path: Path) -> None:
    with scripted(whole(), whole(), whole(), whole()) as s:
        client = connect(s.url)
        assert client.download(DONE, tmp_path / "scene.sog") == tmp_path / "scene.sog"
        assert client.download(DONE, tmp_path) == tmp_path / "photo.sog"
        assert client.download(DONE, tmp_path / "new" / "deep") == tmp_path / "new" / "deep" / "photo.sog"
        assert client.download(DONE, tmp_path, artifact="poster.webp") == tmp_path / "photo.webp"
    assert (tmp_path / "scene.sog").read_bytes() == CONTENT
    assert [target.rsplit("/", 1)[1] for target in s.asked] == ["output.sog"] * 3 + ["poster.webp"]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("../../evil.jpg", "evil.sog"),
        ("C:\\x\\y.png", "y.sog"),
        ("..", "j.sog"),
        ("a\0b:c.jpg", "a_b_c.sog"),
        ("", "j.sog"),
        ("Größe.jpg", "Größe.sog"),
    ],
)
def test_no_name_leads_out_of_the_folder(connect: Connect, tmp_path: Path, source: str, name: str) -> None:
    with scripted(whole()) as s:
        path = connect(s.url).download(DONE.model_copy(update={"source_name": source}), tmp_path)
    assert path == tmp_path / name


@pytest.mark.parametrize("fault", ["closed", "reset"])
def test_a_download_that_breaks_off_goes_on_where_it_stopped(connect: Connect, tmp_path: Path, fault: str) -> None:
    first = whole(100_000, resets=fault == "reset")
    with scripted(first, Answer(b"", hangs_up=True)) as s:
        s.script.append(rest(100_000, 200_000) if fault == "closed" else whole())
        s.script.append(rest(200_000))
        path = connect(s.url).download(DONE, tmp_path)
    assert path.read_bytes() == CONTENT
    assert [known.name for known in tmp_path.iterdir()] == ["photo.sog"]
    if fault == "closed":
        assert [(request.headers.get("range"), request.headers.get("if-range")) for request in s.requests] == [
            (None, None),
            ("bytes=100000-", '"1"'),
            ("bytes=100000-", '"1"'),
            ("bytes=200000-", '"1"'),
        ]


def test_a_file_that_changed_meanwhile_is_fetched_anew(connect: Connect, tmp_path: Path) -> None:
    old = Answer(head(200, Content_Length=400_000, ETag='"0"') + b"x" * 350_000, hangs_up=True)
    with scripted(old, whole()) as s:
        assert connect(s.url).download(DONE, tmp_path).read_bytes() == CONTENT


def test_a_part_from_the_wrong_place_is_not_taken(connect: Connect, tmp_path: Path) -> None:
    with scripted(whole(100_000), rest(50_000), whole()) as s:
        assert connect(s.url).download(DONE, tmp_path).read_bytes() == CONTENT


def test_many_breaks_are_borne_as_long_as_something_comes(connect: Connect, tmp_path: Path) -> None:
    steps = range(10_000, 300_000, 10_000)
    with scripted(whole(10_000), *[rest(start, start + 10_000) for start in steps[:-1]], rest(290_000)) as s:
        assert connect(s.url).download(DONE, tmp_path).read_bytes() == CONTENT
    assert len(s.requests) == 30


def test_what_never_comes_leaves_nothing(connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "scene.sog").write_bytes(b"before")
    with scripted(whole(100_000), *[Answer(b"", hangs_up=True)] * 9) as s, pytest.raises(ServerUnreachableError):
        connect(s.url).download(DONE, tmp_path / "scene.sog")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"before"]


def test_a_file_that_exists_is_kept_if_asked(connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "scene.sog").write_bytes(b"before")
    with scripted() as s:
        with pytest.raises(OutputExistsError):
            connect(s.url).download(DONE, tmp_path / "scene.sog", overwrite=False)
        assert s.requests == []


def test_a_file_that_the_job_has_not_is_told(connect: Connect, tmp_path: Path) -> None:
    with scripted(says(job("converting"))) as s:
        client = connect(s.url)
        with pytest.raises(UnknownTaskError, match=r"no \.ply; it has output\.sog, poster\.webp"):
            client.download(DONE, tmp_path / "scene.ply")
        with pytest.raises(UnknownTaskError, match=r"no output\.sog; it has no files"):
            client.download("j", tmp_path)


def test_a_server_that_does_not_compress_gives_the_ply(connect: Connect, tmp_path: Path) -> None:
    plain = job(artifacts=[{"name": "output.ply", "type": "x", "bytes": 5, "url": "http://x"}])
    with scripted(says(plain), whole()) as s:
        assert connect(s.url).download("j", tmp_path).name == "photo.ply"


def test_a_batch_is_fetched_file_by_file(connect: Connect, tmp_path: Path) -> None:
    known = batch(job(job_id="j"), job("failed", job_id="k"), job(job_id="l"))
    with scripted(says(known), whole(), whole()) as s:
        files = connect(s.url).download_batch("b", tmp_path / "out")
    assert files == [tmp_path / "out" / "photo.sog", tmp_path / "out" / "photo-2.sog"]
    assert all(path.read_bytes() == CONTENT for path in files)


def test_a_photo_becomes_a_splat_in_one_call(connect: Connect, tmp_path: Path) -> None:
    with scripted(says(job(), 202), whole()) as s:
        assert connect(s.url).splat(b"pixels", tmp_path / "scene.sog").stat().st_size == len(CONTENT)
    with scripted(refuses(415, "bad-picture")) as s, pytest.raises(Exception, match="Told by"):
        connect(s.url).splat(b"pixels")
