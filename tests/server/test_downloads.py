from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import Request

from tests.live import LiveServer
from tests.rows import task
from wheatstone.server.downloads import download, saved_name
from wheatstone.storage import Artifact, ObjectStore


def test_a_part_is_served(server: LiveServer, done: str) -> None:
    whole = server.http.get(f"/result/{done}").content
    for asked, expected in (
        ("bytes=0-9", whole[:10]),
        ("bytes=5-", whole[5:]),
        ("bytes=-7", whole[-7:]),
        (f"bytes=10-{len(whole) * 2}", whole[10:]),
    ):
        answer = server.http.get(f"/result/{done}", headers={"Range": asked})
        assert answer.status_code == 206
        assert answer.content == expected
        start = whole.index(expected)
        assert answer.headers["content-range"] == f"bytes {start}-{start + len(expected) - 1}/{len(whole)}"


def test_the_whole_says_that_it_can_be_had_in_parts(server: LiveServer, done: str) -> None:
    answer = server.http.get(f"/result/{done}")
    assert answer.status_code == 200
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-length"] == str(len(answer.content))


def test_whoever_asks_for_the_head_is_told_the_size_and_no_file_is_read(tmp_path: Path) -> None:
    objects = ObjectStore(tmp_path)
    objects.put("large", bytes(1000))
    asked = Request({"type": "http", "method": "HEAD", "headers": []})
    answer = download(objects, task(), Artifact("output.sog", "large", "application/octet-stream", 1000), asked)
    assert (answer.headers["content-length"], answer.body) == ("1000", b"")


def test_a_part_beyond_the_end_is_416(server: LiveServer, done: str) -> None:
    size = len(server.http.get(f"/result/{done}").content)
    answer = server.http.get(f"/result/{done}", headers={"Range": f"bytes={size}-"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{size}"
    assert answer.json()["status"] == 416


@pytest.mark.parametrize("asked", ["bytes=", "bytes=-", "lines=1-2", "bytes=0-1,4-5", "bytes=x-y", "bytes=9-3"])
def test_what_is_no_single_range_gets_the_whole_or_416(server: LiveServer, done: str, asked: str) -> None:
    answer = server.http.get(f"/result/{done}", headers={"Range": asked})
    assert answer.status_code == (416 if asked == "bytes=9-3" else 200)


def test_what_the_client_has_is_not_sent_again(server: LiveServer, done: str) -> None:
    etag = server.http.get(f"/result/{done}").headers["etag"]
    for tags in (etag, f'"other", W/{etag}', "*"):
        answer = server.http.get(f"/result/{done}", headers={"If-None-Match": tags})
        assert (answer.status_code, answer.content) == (304, b"")
    assert server.http.get(f"/result/{done}", headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_part_of_another_version_is_not_mixed_in(server: LiveServer, done: str) -> None:
    etag = server.http.get(f"/result/{done}").headers["etag"]
    for tag, status in ((etag, 206), ('"older"', 200)):
        headers = {"Range": "bytes=0-9", "If-Range": tag}
        assert server.http.get(f"/result/{done}", headers=headers).status_code == status


def test_a_photos_name_cannot_break_the_header(server: LiveServer) -> None:
    from tests.live import PHOTO

    name = 'стол "\r\nX-Evil: 1%.jpg'
    files = {"file": (name, PHOTO.read_bytes())}
    task_id = server.http.post("/predict", files=files).json()["task_id"]
    server.wait(task_id)
    answer = server.http.get(f"/result/{task_id}")
    assert "x-evil" not in answer.headers
    assert "filename*=UTF-8''%D1%81%D1%82%D0%BE%D0%BB" in answer.headers["content-disposition"]


def test_parts_of_one_ending_are_saved_under_different_names() -> None:
    names = ["model.glb", "preview.glb", "matte.png", "pixel_images.png", "output3d.zip", "output.sog"]
    assert [saved_name("mug.tea", name) for name in names] == [
        "mug.tea.glb",
        "mug.tea.preview.glb",
        "mug.tea.matte.png",
        "mug.tea.pixel_images.png",
        "mug.tea.zip",
        "mug.tea.sog",
    ]
