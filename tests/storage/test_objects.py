from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest

from wheatstone.errors import StorageUnavailableError
from wheatstone.storage import ObjectStore


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "store")


def read(store: ObjectStore, key: str, start: int, stop: int) -> bytes:
    async def collect() -> bytes:
        return b"".join([chunk async for chunk in store.stream(key, start, stop)])

    return asyncio.run(collect())


def test_bytes_and_files_come_back_in_whole_and_in_part(store: ObjectStore, tmp_path: Path) -> None:
    content = bytes(range(256)) * 20_000
    (tmp_path / "file").write_bytes(content)
    store.put("a/bytes", content)
    store.put("a/file", tmp_path / "file")
    for key in ("a/bytes", "a/file"):
        assert read(store, key, 0, len(content)) == content
        assert read(store, key, 1_000, 3_000_000) == content[1_000:3_000_000]
        assert store.path(key).read_bytes() == content


def test_an_etag_changes_with_the_content(store: ObjectStore) -> None:
    store.put("a", b"one")
    first = store.find("a")
    store.put("a", b"other")
    second = store.find("a")
    assert first is not None
    assert second is not None
    assert first.size_bytes == 3
    assert second.size_bytes == 5
    assert first.etag != second.etag


def test_what_is_not_there_is_not_found(store: ObjectStore) -> None:
    assert store.find("nothing") is None
    with pytest.raises(FileNotFoundError):
        read(store, "nothing", 0, 1)


def test_deleting_leaves_nothing_and_minds_nothing(store: ObjectStore, tmp_path: Path) -> None:
    store.put("tasks/a/one", b"1")
    store.put("tasks/b/two", b"2")
    assert sorted(store.keys("tasks")) == ["tasks/a/one", "tasks/b/two"]
    store.delete(["tasks/a/one", "tasks/a/one", "tasks/c/none"])
    assert store.keys("tasks") == ["tasks/b/two"]
    assert not (tmp_path / "store" / "tasks" / "a").exists()


@pytest.mark.parametrize("key", ["../outside", "a/../../outside", "/../outside"])
def test_no_key_leads_outside(store: ObjectStore, key: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="path"):
        store.put(key, b"")
    assert not (tmp_path / "outside").exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageUnavailableError, match="cannot be used"):
        ObjectStore(tmp_path / "file" / "store")


def test_a_copy_takes_no_space_and_outlives_its_source(store: ObjectStore) -> None:
    store.put("tasks/a/one", b"content")
    store.copy("tasks/a/one", "cache/a/one")
    assert store.path("cache/a/one").samefile(store.path("tasks/a/one"))
    store.put("tasks/a/one", b"other")
    store.delete(["tasks/a/one"])
    assert store.path("cache/a/one").read_bytes() == b"content"


def test_copying_again_leaves_nothing_over(store: ObjectStore) -> None:
    store.put("a/one", b"1")
    store.put("b/two", b"2")
    for _ in range(2):
        store.copy("a/one", "b/two")
    assert store.path("b/two").read_bytes() == b"1"
    assert [path.name for path in store.path("b").iterdir()] == ["two"]


def test_what_is_not_there_cannot_be_copied(store: ObjectStore) -> None:
    store.put("b", b"")
    with pytest.raises(FileNotFoundError):
        store.copy("a", "b")


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second file system")  # noqa: S108
def test_where_files_cannot_be_linked_they_are_copied(store: ObjectStore) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        store.path("far").symlink_to(elsewhere)
        store.put("a", b"content")
        store.copy("a", "far/a")
        assert store.path("far/a").read_bytes() == b"content"
        assert not store.path("far/a").samefile(store.path("a"))
