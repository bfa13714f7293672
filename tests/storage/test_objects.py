from __future__ import annotations

import asyncio
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
