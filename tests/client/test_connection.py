from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tests.client.conftest import Connect
from tests.client.scripted import Answer, batch, head, job, refuses, says, scripted
from wheatstone.client import JobCancelledError, JobFailedError, Retries
from wheatstone.errors import (
    BadAnswerError,
    BadOptionError,
    BadPictureError,
    PictureTooLargeError,
    ServerUnreachableError,
    UnknownModelError,
    WheatstoneError,
)

QUEUED = says(job("queued"), 202)


def test_a_photo_is_sent_with_its_options(connect: Connect, tmp_path: Path) -> None:
    photo = tmp_path / "Größe 1.jpg"
    photo.write_bytes(b"pixels")
    with scripted(QUEUED) as s:
        made = connect(s.url).submit(photo, model="relief", focal_length=1200.5, priority=3, keep_ply=True)
    assert (made.id, made.status) == ("j", "queued")
    (request,) = s.requests
    assert (request.method, request.target) == ("POST", "/v1/jobs")
    assert request.headers["idempotency-key"]
    assert int(request.headers["content-length"]) == len(request.body)
    for part in (
        'name="file"; filename="Größe 1.jpg"'.encode(),
        b"pixels",
        b'name="model"\r\n\r\nrelief',
        b'name="focal_length"\r\n\r\n1200.5',
        b'name="priority"\r\n\r\n3',
        b'name="keep_ply"\r\n\r\ntrue',
    ):
        assert part in request.body
    assert b"time_limit_s" not in request.body


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "file", "pipe"])
def test_a_photo_may_be_given_in_any_form_and_is_sent_whole_each_time(
    connect: Connect, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"0123456789" * 20_000)
    file = path.open("rb")
    if kind == "pipe":
        file.seekable = lambda: False  # type: ignore[method-assign]
    forms = {"path": path, "text": str(path), "bytes": path.read_bytes(), "file": file, "pipe": file}
    with file, scripted(Answer(head(503, Content_Length=0)), QUEUED) as s:
        connect(s.url).submit(forms[kind])
    for request in s.requests:
        assert b"0123456789" * 20_000 in request.body
        assert (b'filename="photo"' if kind == "bytes" else b'filename="a.jpg"') in request.body


def test_a_photo_may_have_another_name(connect: Connect, tmp_path: Path) -> None:
    odd = tmp_path / 'odd "name"\n.jpg'
    odd.write_bytes(b"pixels")
    with scripted(QUEUED, QUEUED) as s:
        connect(s.url).submit(b"pixels", name="beach.jpg")
        connect(s.url).submit(odd)
    assert b'filename="beach.jpg"' in s.requests[0].body
    assert b'filename="odd _name__.jpg"' in s.requests[1].body


def test_a_photo_may_be_elsewhere_or_there_already(connect: Connect) -> None:
    with scripted(QUEUED, QUEUED) as s:
        client = connect(s.url)
        client.submit("https://example.org/a.jpg", model="relief")
        client.submit(picture_id="p")
    assert [json.loads(request.body) for request in s.requests] == [
        {"image_url": "https://example.org/a.jpg", "model": "relief"},
        {"picture_id": "p"},
    ]


def test_mistakes_are_told_before_anything_is_sent(connect: Connect, tmp_path: Path) -> None:
    with scripted() as s:
        client = connect(s.url)
        with pytest.raises(BadPictureError, match=r"none\.jpg cannot be read: No such file"):
            client.submit(tmp_path / "none.jpg")
        with pytest.raises(BadPictureError, match="directory"):
            client.submit(tmp_path)
        with pytest.raises(BadOptionError, match="priority"):
            client.submit(b"pixels", priority=1000)
        with pytest.raises(BadOptionError, match="modell"):
            client.submit(b"pixels", modell="relief")
        with pytest.raises(BadOptionError, match="either"):
            client.submit()
        for key in ("", "two words", "Schlüssel"):
            with pytest.raises(BadOptionError, match="idempotency_key"):
                client.submit(b"pixels", idempotency_key=key)
        with pytest.raises(BadOptionError, match="at least one"):
            client.submit_batch([])
    assert s.requests == []


@pytest.mark.parametrize("address", ["127.0.0.1:8000", "ftp://host", "http://", "http://\0", "http://host?x"])
def test_an_address_that_is_none_is_told(connect: Connect, address: str) -> None:
    with pytest.raises(BadOptionError, match="address"):
        connect(address)


def test_a_submission_is_repeated_with_its_key(connect: Connect) -> None:
    with scripted(
        Answer(b"", hangs_up=True),
        Answer(head(202, Content_Length=100) + b"{", hangs_up=True),
        Answer(b"", resets=True),
        refuses(409, "idempotency-in-flight"),
        QUEUED,
    ) as s:
        assert connect(s.url).submit(b"pixels").id == "j"
    assert len({request.headers["idempotency-key"] for request in s.requests}) == 1
    assert len(s.requests) == 5


def test_each_submission_has_its_own_key_unless_told(connect: Connect) -> None:
    with scripted(QUEUED, QUEUED, QUEUED) as s:
        client = connect(s.url)
        for key in (None, None, "mine"):
            client.submit(b"pixels", idempotency_key=key)
    keys = [request.headers["idempotency-key"] for request in s.requests]
    assert len(set(keys)) == 3
    assert keys[2] == "mine"


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_when_it_says(connect: Connect, status: int) -> None:
    with scripted(refuses(status, "queue-full", Retry_After=0), QUEUED) as s:
        connect(s.url).submit(b"pixels")
    assert len(s.requests) == 2


@pytest.mark.parametrize(
    "answer",
    [
        refuses(503, "model-unavailable"),
        refuses(503, "queue-full", Retry_After=3600),
        refuses(500, "internal"),
        refuses(422, "bad-option"),
    ],
    ids=["never", "too late", "broken", "refused"],
)
def test_what_will_not_get_better_is_told_at_once(connect: Connect, answer: Answer) -> None:
    with scripted(answer, QUEUED) as s:
        with pytest.raises(WheatstoneError, match="Told by the script"):
            connect(s.url).submit(b"pixels")
        assert len(s.requests) == 1


def test_tries_are_counted(connect: Connect) -> None:
    with scripted(*[Answer(head(502, Content_Length=0))] * 9) as s:
        with pytest.raises(BadAnswerError, match="502 Bad Gateway"):
            connect(s.url, retries=Retries(attempts=3, first_s=0.01)).job("j")
        assert len(s.requests) == 3


def test_nobody_at_the_address_is_told(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(ServerUnreachableError, match=f"127.0.0.1:{port} cannot be reached"):
        connect(f"http://127.0.0.1:{port}").job("j")


def test_problems_become_errors(connect: Connect) -> None:
    with scripted(refuses(404, "unknown-model", "No model x."), refuses(418, "teapot", "Short and stout.")) as s:
        client = connect(s.url)
        with pytest.raises(UnknownModelError, match=r"No model x\."):
            client.submit(b"pixels", model="x")
        with pytest.raises(WheatstoneError, match="Short") as raised:
            client.job("j")
        assert (raised.value.code, raised.value.title, raised.value.status) == ("teapot", "A title", 418)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"type": "about:blank", "title": "", "detail": ""}'])
def test_another_kind_of_server_is_told(connect: Connect, body: bytes) -> None:
    with (
        scripted(Answer(head(404, Content_Length=len(body)) + body)) as s,
        pytest.raises(BadAnswerError, match="is it a Wheatstone server"),
    ):
        connect(s.url).job("j")


def test_an_answer_that_is_no_job_is_told(connect: Connect) -> None:
    with scripted(says({"hello": 1})) as s, pytest.raises(BadAnswerError):
        connect(s.url).job("j")


def test_an_upload_that_is_refused_early_is_told_as_the_server_does(connect: Connect, tmp_path: Path) -> None:
    photo = tmp_path / "large.jpg"
    with photo.open("wb") as file:
        file.truncate(200_000_000)
    refusal = refuses(413, "picture-too-large", "Too large.", Connection="close")
    early = Answer(refusal.sent, hangs_up=True, reads_body=False)
    with scripted(*[early] * 5) as s:
        with pytest.raises(PictureTooLargeError, match=r"Too large\."):
            connect(s.url).submit(photo)
        assert len(s.requests) == 1


def test_a_key_goes_to_the_server_only(connect: Connect) -> None:
    with scripted(says(job())) as other, scripted() as s:
        s.script.append(Answer(head(307, Location=f"{s.url}/there", Content_Length=0)))
        s.script.append(Answer(head(302, Location=f"{other.url}/there", Content_Length=0)))
        assert connect(s.url, api_key="secret").job("j").id == "j"
    assert [request.headers["x-api-key"] for request in s.requests] == ["secret"] * 2
    assert "x-api-key" not in other.requests[0].headers
    assert other.requests[0].headers["host"] == other.url.removeprefix("http://")


def test_redirects_end(connect: Connect) -> None:
    with (
        scripted(*[Answer(head(302, Location="/again", Content_Length=0))] * 20) as s,
        pytest.raises(BadAnswerError, match="without end"),
    ):
        connect(s.url).job("j")


def test_a_photo_does_not_follow_a_redirect(connect: Connect) -> None:
    with (
        scripted(Answer(head(308, Location="https://host/v1/jobs", Content_Length=0))) as s,
        pytest.raises(BadAnswerError, match=r"address https://host/v1/jobs\."),
    ):
        connect(s.url).submit(b"pixels")


def test_a_password_in_the_address_is_used_and_not_shown(connect: Connect) -> None:
    with scripted(says(job()), Answer(head(401, Content_Length=0))) as s:
        client = connect(s.url.replace("http://", "http://me:secret@"))
        client.job("j")
        with pytest.raises(BadAnswerError) as raised:
            client.job("j")
    assert s.requests[0].headers["authorization"].startswith("Basic ")
    assert "secret" not in str(raised.value)


def test_how_a_job_ended_is_raised_with_what_went_wrong(connect: Connect) -> None:
    with scripted(says(job("failed")), says(job("cancelled"))) as s:
        client = connect(s.url)
        with pytest.raises(JobFailedError, match=r"It was failed\.") as failed:
            client.download("j")
        assert (failed.value.code, failed.value.title, failed.value.job.id) == ("failed", "Ended", "j")
        with pytest.raises(JobCancelledError):
            client.download("j")


def test_pages_are_fetched_as_they_are_asked_for(connect: Connect) -> None:
    first = {"jobs": [job(job_id="a"), job(job_id="b")], "next": "more"}
    with scripted(says(first), says({"jobs": [job(job_id="c")], "next": None})) as s:
        jobs = connect(s.url).jobs(status=["failed", "cancelled"], model="relief")
        assert next(jobs).id == "a"
        assert len(s.requests) == 1
        assert [known.id for known in jobs] == ["b", "c"]
    assert s.asked == [
        "GET /v1/jobs?limit=100&status=failed&status=cancelled&model=relief",
        "GET /v1/jobs?limit=100&status=failed&status=cancelled&model=relief&cursor=more",
    ]


def test_the_other_requests(connect: Connect) -> None:
    link = {"url": "http://x", "expires_at": "2026-01-02T03:04:05Z"}
    gone = Answer(head(204))
    known = batch(job())
    with scripted(
        says(job("cancelled")), gone, Answer(b"", hangs_up=True), refuses(404, "unknown-task"), says(link),
        says(known), says(known), gone,
    ) as s:  # fmt: skip
        client = connect(s.url)
        assert client.cancel("j").status == "cancelled"
        client.delete("j")
        client.delete("the answer was lost")
        assert client.link("j", lifetime_s=60).url == "http://x"
        assert client.batch("b").id == client.cancel_batch("b").id == "b"
        client.delete_batch("b")
    assert s.asked == [
        "POST /v1/jobs/j/cancel",
        "DELETE /v1/jobs/j",
        "DELETE /v1/jobs/the%20answer%20was%20lost",
        "DELETE /v1/jobs/the%20answer%20was%20lost",
        "POST /v1/jobs/j/artifacts/output.sog/link?lifetime_s=60",
        "GET /v1/batches/b",
        "POST /v1/batches/b/cancel",
        "DELETE /v1/batches/b",
    ]


def test_a_batch_has_no_two_files_of_one_name(connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    paths = [tmp_path / "a.jpg", tmp_path / "other" / "a.jpg"]
    for path in paths:
        path.write_bytes(b"pixels")
    with scripted(says(batch(job("queued")), 202)) as s:
        assert connect(s.url).submit_batch(paths, priority=1).id == "b"
    assert b'filename="a.jpg"' in s.requests[0].body
    assert b'filename="a-2.jpg"' in s.requests[0].body


def test_a_batch_may_have_more_files_than_a_process_may_open(connect: Connect, tmp_path: Path) -> None:
    paths = []
    for number in range(3000):
        paths.append(tmp_path / f"{number}.jpg")
        paths[-1].write_bytes(b"pixels")
    with scripted(says(batch(job("queued")), 202)) as s:
        connect(s.url).submit_batch(paths)
    assert s.requests[0].body.count(b"pixels") == 3000
