from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.jobs.results import House
from wheatstone.errors import BadOptionError, StorageFullError, UnknownModelError
from wheatstone.jobs.cache import CacheStatistics, ResultCache, result_key
from wheatstone.settings import CompressionSettings, GpuSettings, ModelSettings, RedisSettings, Settings, changed
from wheatstone.storage import ObjectStore

RESULT = {"sog": b"scene", "poster": b"picture"}

Opener = Callable[..., House]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Opener]:
    """Opens a house in a folder of the test's, with settings of the cache; closed at the end."""
    houses: list[House] = []

    def opened(**cache: Any) -> House:
        houses.append(House(tmp_path / "store", **cache))
        return houses[-1]

    yield opened
    for each in houses:
        each.cache.close()


def test_an_equal_request_gets_the_same_files_and_facts(house: Opener) -> None:
    server = house()
    assert server.ask(1) is None
    server.make(1)
    assert server.ask(1) == RESULT
    assert server.ask(2) is None


def test_files_are_shared_rather_than_copied(house: Opener) -> None:
    server = house()
    server.make(1)
    server.cache.give(server.held(1, "").name, ["sog"], "tasks/2/{}".format)
    for path in (server.objects.path("tasks/1/sog"), server.objects.path("tasks/2/sog")):
        assert path.samefile(server.held(1, "sog"))


def test_a_result_outlives_the_task_that_made_it(house: Opener) -> None:
    server = house()
    server.make(1)
    server.objects.delete(server.objects.keys("tasks"))
    assert server.ask(1) == RESULT


def test_a_request_for_a_file_that_was_not_kept_is_a_miss_until_it_is_computed(house: Opener) -> None:
    server = house()
    server.make(1)
    assert server.ask(1, "sog", "ply") is None
    server.make(1, **RESULT, ply=b"long")
    assert server.ask(1, "sog", "ply") == {"sog": b"scene", "ply": b"long"}
    assert server.ask(1) == RESULT
    assert server.cache.statistics.size == 1


def test_what_else_was_kept_comes_along_when_asked_for(house: Opener) -> None:
    server = house()
    server.make(1, **RESULT, ply=b"long")
    assert server.ask(1, "poster", others=True) == {**RESULT, "ply": b"long"}
    assert server.ask(1, "video", others=True) is None


def test_what_is_there_with_all_files_stays(house: Opener) -> None:
    server = house()
    server.make(1)
    before = server.held(1, "sog").stat().st_ino
    server.make(1, sog=b"scene")
    assert server.held(1, "sog").stat().st_ino == before
    assert server.ask(1) == RESULT


def test_over_the_number_the_one_unused_for_longest_goes(house: Opener) -> None:
    server = house(size=2)
    server.make(1)
    server.make(2)
    server.ask(1)
    server.make(3)
    assert server.ask(2) is None
    assert not server.held(2, "").exists()
    assert server.ask(1) == server.ask(3) == RESULT


def test_over_the_bytes_those_unused_for_longest_go(house: Opener) -> None:
    server = house(max_bytes=100)
    for number in range(4):
        server.make(number, sog=bytes(25))
    server.make(4, sog=bytes(50))
    assert [server.ask(number, "sog") is not None for number in range(5)] == [False, False, True, True, True]
    assert server.cache.statistics.size_bytes == 100


def test_a_result_over_the_bytes_drives_no_other_out(house: Opener) -> None:
    server = house(max_bytes=100)
    server.make(1, sog=bytes(100))
    server.make(2, sog=bytes(101))
    assert server.ask(2, "sog") is None
    assert server.ask(1, "sog") is not None
    assert not server.held(2, "").exists()


def test_a_restart_forgets_neither_results_nor_their_order(house: Opener) -> None:
    server = house()
    for number in (1, 2, 3):
        server.make(number)
        os.utime(server.held(number, "entry.json"), (number, number))
    server.ask(1)
    server.restart(size=2)
    assert [server.ask(number) for number in (1, 2, 3)] == [RESULT, None, RESULT]
    assert not server.held(2, "").exists()


@pytest.mark.parametrize("entry", [b"", b"{", b"[]", b'{"facts": {}}', b"\xff\xfe"])
def test_a_damaged_entry_is_a_miss_and_is_deleted(
    entry: bytes, house: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    server = house()
    server.make(1)
    server.held(1, "entry.json").write_bytes(entry)
    assert server.ask(1) is None
    assert not server.held(1, "").exists()
    assert "damaged" in caplog.text
    server.make(1)
    assert server.ask(1) == RESULT


@pytest.mark.parametrize("content", [None, b"scen"], ids=["missing", "cut off"])
@pytest.mark.parametrize("name", ["sog", "poster"])
@pytest.mark.parametrize("restarts", [True, False])
def test_an_entry_with_a_damaged_file_is_a_miss_and_is_deleted(
    content: bytes | None, name: str, restarts: bool, house: Opener
) -> None:
    server = house()
    server.make(1)
    server.held(1, name).unlink()
    if content is not None:
        server.held(1, name).write_bytes(content)
    if restarts:
        server.restart()
        assert server.cache.statistics.size == 0
    assert server.ask(1) is None
    assert not server.held(1, "").exists()


def test_what_a_kill_left_of_an_entry_is_deleted_at_the_next_start(house: Opener) -> None:
    server = house()
    server.make(1)
    server.held(1, "entry.json").rename(server.held(1, "entry.json#1"))
    server.restart()
    assert not server.held(1, "").exists()


def test_clearing_leaves_nothing_but_what_is_not_ours(house: Opener) -> None:
    server = house()
    server.make(1)
    server.objects.put("cache/notes/mine", b"")
    server.cache.clear()
    assert server.ask(1) is None
    assert server.objects.keys("cache") == ["cache/notes/mine"]
    server.restart()
    assert server.ask(1) is None
    assert server.objects.keys("cache") == ["cache/notes/mine"]


def test_statistics_count_requests(house: Opener) -> None:
    server = house(size=7, max_bytes=1000)
    server.make(1)
    for _ in range(4):
        server.ask(1)
    server.ask(2)
    assert server.cache.statistics == CacheStatistics(True, 1, 7, 12, 1000, 4, 1)
    assert server.cache.statistics.hit_rate == 80.0


def test_before_the_first_request_the_hit_rate_is_none(house: Opener) -> None:
    assert house().cache.statistics.hit_rate == 0.0


def test_a_request_that_looks_twice_counts_once(house: Opener) -> None:
    server = house()
    server.ask(1)
    server.ask(1, again=True)
    assert server.counts == (0, 1)
    server.ask(2)
    server.make(2)
    server.ask(2, again=True)
    assert server.counts == (1, 1)
    server.restart()
    server.ask(2, again=True)
    assert server.counts == (1, 0)


def test_a_cache_that_is_off_keeps_nothing_and_can_be_cleared(house: Opener) -> None:
    server = house()
    server.make(1)
    server.restart(enabled=False)
    assert server.ask(1) is None
    server.make(2)
    assert not server.held(2, "").exists()
    assert not server.cache.statistics.enabled
    assert server.counts == (0, 0)
    server.cache.clear()
    assert not server.held(1, "").exists()


def test_a_result_that_cannot_be_kept_costs_a_warning(
    house: Opener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server = house()

    def full(*_: object) -> None:
        raise StorageFullError("No space is left.")

    monkeypatch.setattr(ObjectStore, "copy", full)
    server.make(1)
    assert [record.getMessage() for record in caplog.records] == [
        "A result could not be kept for equal requests: No space is left"
    ]
    monkeypatch.undo()
    assert server.ask(1) is None


def test_without_space_for_what_it_gives_nothing_is_left_over(
    house: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = house()
    server.make(1)
    copy = ObjectStore.copy

    def full(self: ObjectStore, source: str, target: str) -> None:
        if target.endswith("poster"):
            raise StorageFullError("No space is left.")
        copy(self, source, target)

    monkeypatch.setattr(ObjectStore, "copy", full)
    with pytest.raises(StorageFullError):
        server.ask(1)
    assert server.objects.keys("tasks/new") == []
    monkeypatch.undo()
    assert server.ask(1) == RESULT


def test_many_threads_at_once_get_whole_results_or_none(house: Opener) -> None:
    server = house(size=3)

    def work(thread: int) -> int:
        hits = 0
        for round_ in range(30):
            number = (thread + round_) % 5
            content = f"{number}".encode() * 1000
            names = {name: f"tasks/{thread}-{round_}/{name}" for name in ("sog", "poster")}
            kept = server.cache.give(f"{number}" * 64, names, names.__getitem__)
            if kept is None:
                for target in names.values():
                    server.objects.put(target, content)
                server.cache.put(f"{number}" * 64, {"number": number}, names)
            else:
                hits += 1
                assert kept.facts == {"number": number}
                assert all(server.objects.path(target).read_bytes() == content for target in names.values())
            if round_ == 15:
                server.cache.clear()
        return hits

    with ThreadPoolExecutor(8) as pool:
        hits = sum(pool.map(work, range(8)))
    assert server.counts == (hits, 240 - hits)
    assert server.cache.statistics.size <= 3
    kept = server.cache.statistics.size_bytes
    server.restart(size=3)
    assert server.cache.statistics.size_bytes == kept


def test_redis_without_its_library_is_told_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delitem(sys.modules, "wheatstone.jobs._redis_cache", raising=False)
    monkeypatch.setitem(sys.modules, "redis", None)
    settings = Settings(redis=RedisSettings(enabled=True))
    with pytest.raises(BadOptionError, match=r"pip install 'wheatstone\[redis\]'"):
        ResultCache(ObjectStore(tmp_path), tmp_path, settings)


def test_without_redis_its_library_is_not_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "wheatstone.jobs._redis_cache", raising=False)
    monkeypatch.setitem(sys.modules, "redis", None)
    ResultCache(ObjectStore(tmp_path), tmp_path, Settings()).close()


SETTINGS = Settings(cache_dir=Path("nowhere"))
PHOTOS = st.sampled_from(["0" * 64, "1" * 64])
FOCAL_LENGTHS = st.none() | st.floats(1, 1e6) | st.integers(1, 1_000_000)
OPTIONS = st.builds(
    lambda compression, device, amp: SETTINGS.model_copy(
        update={"compression": compression, "model": device, "gpu": amp}
    ),
    st.builds(
        CompressionSettings,
        enabled=st.booleans(),
        command=st.sampled_from(["", "npx"]),
        args_template=st.sampled_from([("a", "b"), ("a b",)]),
    ),
    st.builds(ModelSettings, device=st.sampled_from(["auto", "cpu"])),
    st.builds(GpuSettings, enable_amp=st.booleans()),
)


def parts(photo: str, f_px: float | None, model: str, settings: Settings) -> tuple[object, ...]:
    """What must tell keys apart, and nothing else."""
    compression = settings.compression
    external = (
        (compression.command, compression.args_template) if compression.enabled and compression.command else ()
    )
    hardware = (settings.model.device, settings.gpu.enable_amp) if model == "sharp" else ()
    return photo, f_px, model, compression.enabled, external, hardware


REQUESTS = st.tuples(PHOTOS, FOCAL_LENGTHS, st.sampled_from(["sharp", "relief"]), OPTIONS)


@given(REQUESTS, REQUESTS)
def test_keys_are_equal_exactly_when_requests_are(
    one: tuple[str, float | None, str, Settings], other: tuple[str, float | None, str, Settings]
) -> None:
    assert (result_key("splat", *one) == result_key("splat", *other)) == (parts(*one) == parts(*other))
    assert len(result_key("splat", *one)) == 64


def test_a_key_knows_the_model_that_auto_stands_for() -> None:
    assert result_key("splat", "0", None, "auto", SETTINGS) == result_key("splat", "0", None, "relief", SETTINGS)


def test_settings_that_change_no_bytes_change_no_key() -> None:
    others = changed(SETTINGS, "storage", keep_ply=True)
    others = changed(others, "compression", max_workers=7, timeout=1)
    assert result_key("splat", "0", None, "relief", others) == result_key("splat", "0", None, "relief", SETTINGS)


def test_meshes_have_keys_that_compression_does_not_change() -> None:
    others = changed(SETTINGS, "compression", enabled=not SETTINGS.compression.enabled)
    one = result_key("mesh", "0", None, "inflate", SETTINGS)
    assert one == result_key("mesh", "0", None, "inflate", others)
    assert one != result_key("mesh", "0", None, "inflate", changed(SETTINGS, "mesh", faces=777))


def test_an_unknown_model_has_no_key() -> None:
    with pytest.raises(UnknownModelError):
        result_key("splat", "0", None, "gibberish", SETTINGS)


def test_nothing_is_logged_when_all_is_well(house: Opener, caplog: pytest.LogCaptureFixture) -> None:
    server = house()
    server.make(1)
    server.ask(1)
    server.restart()
    assert not [record for record in caplog.records if record.levelno >= logging.INFO]
