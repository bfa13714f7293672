from __future__ import annotations

import errno
import json
import logging
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.jobs.results import FACTS, House, key
from tests.real_redis import RedisServer, running_redis
from wheatstone.errors import BadOptionError, StorageFullError
from wheatstone.jobs import _redis_cache
from wheatstone.jobs._redis_cache import RedisCache
from wheatstone.settings import RedisSettings
from wheatstone.storage import ObjectStore

RESULT = {"sog": b"scene", "poster": b"picture"}
NAME = f"mlsharp:result:{key(1)}"


class Clock:
    """Stands still until it is told."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


Opener = Callable[..., House]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Opener]:
    """Opens a server of that name, which shares results through the Redis at that address."""
    houses: list[House] = []

    def opened(name: str, url: str) -> House:
        houses.append(House(tmp_path / name, url))
        return houses[-1]

    yield opened
    for house in houses:
        house.cache.close()


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    paths = {name: tmp_path / name for name in RESULT}
    for name, path in paths.items():
        path.write_bytes(RESULT[name])
    return paths


def fetched(cache: RedisCache, folder: Path, *names: str) -> dict[str, bytes] | None:
    folder.mkdir(exist_ok=True)
    found = cache.fetch(key(1), names or ("sog", "poster"), folder)
    if found is None:
        return None
    assert found[0] == FACTS
    return {name: path.read_bytes() for name, path in found[1].items()}


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_another_server_gets_the_result_and_keeps_it(redis: RedisServer, server: Opener) -> None:
    one, other = server("one", redis.url), server("other", redis.url)
    one.make(1)
    one.cache.close()  # lets through what is on its way
    assert other.ask(1) == RESULT
    redis.kill()
    assert other.ask(1) == RESULT
    assert other.counts == (2, 0)


def test_only_wanted_files_come_over(redis: RedisServer, server: Opener) -> None:
    one, other = server("one", redis.url), server("other", redis.url)
    one.make(1, **RESULT, ply=b"long")
    one.cache.close()
    assert other.ask(1) == RESULT
    assert not other.held(1, "ply").exists()
    assert other.ask(1, "sog", "ply") == {"sog": b"scene", "ply": b"long"}
    assert other.ask(1, "sog", "video") is None


def test_what_else_was_shared_comes_along_when_asked_for(redis: RedisServer, server: Opener) -> None:
    one, other = server("one", redis.url), server("other", redis.url)
    one.make(1, **RESULT, ply=b"long")
    one.cache.close()
    assert other.ask(1, "sog", others=True) == {**RESULT, "ply": b"long"}
    redis.kill()
    assert other.ask(1, "ply", others=True) == {**RESULT, "ply": b"long"}


@pytest.mark.parametrize("name", ["../sog", "/sog", "..", ".sog", "a\n", "ä", ""])
def test_a_name_that_is_none_for_a_file_is_damage(redis: RedisServer, server: Opener, name: str) -> None:
    one, other = server("one", redis.url), server("other", redis.url)
    one.make(1)
    one.cache.close()
    header = json.loads(redis.client.hget(NAME, "header") or "")
    header["files"][0]["name"] = name
    redis.client.hset(NAME, "header", json.dumps(header))
    assert other.ask(1, "poster", others=True) is None
    assert redis.keys == []


def test_files_of_many_pieces_come_back_whole(
    redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_redis_cache, "_PIECE_BYTES", 1000)
    content = {"none": b"", "one": bytes(range(250)) * 4, "more": bytes(range(256)) * 100}
    for name, bytes_ in content.items():
        (tmp_path / name).write_bytes(bytes_)
    cache = RedisCache(RedisSettings(url=redis.url))
    cache.put(key(1), FACTS, {name: tmp_path / name for name in content})
    assert fetched(cache, tmp_path / "to", *content) == content
    cache.close()


def test_redis_forgets_a_result_in_time_and_nothing_else_stays(redis: RedisServer, files: dict[str, Path]) -> None:
    cache = RedisCache(RedisSettings(url=redis.url, ttl_s=1234))
    cache.put(key(1), FACTS, files)
    cache.close()
    assert redis.keys == [NAME]
    assert 1200 < redis.client.ttl(NAME) <= 1234


def test_a_result_too_large_to_share_is_not_shared(
    redis: RedisServer, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_redis_cache, "MAX_ENTRY_BYTES", 11)
    cache = RedisCache(RedisSettings(url=redis.url))
    cache.put(key(1), FACTS, files)
    cache.close()
    assert redis.keys == []


def test_clearing_deletes_our_results_only(redis: RedisServer, server: Opener) -> None:
    one = server("one", redis.url)
    others = ["mlsharp:other", "mlsharp2:result:a", "result", "xmlsharp:result:b"]
    redis.client.mset(dict.fromkeys(others, "theirs"))
    redis.client.mset({f"mlsharp:result:{number}": "" for number in range(1200)})
    one.make(1)
    one.cache.clear()
    assert redis.keys == sorted(others)
    assert one.ask(1) is None


def test_a_prefix_is_no_pattern(redis: RedisServer) -> None:
    redis.client.mset({"a:result:1": "", "[ab]*:result:1": "", "[ab]*c:result:1": ""})
    cache = RedisCache(RedisSettings(url=redis.url, prefix="[ab]*"))
    cache.clear()
    cache.close()
    assert redis.keys == ["[ab]*c:result:1", "a:result:1"]


@pytest.mark.parametrize("field", ["header", "sog/0", "poster/0"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"facts": {}, "files": [{}]}', b"\xff"])
def test_a_damaged_result_is_a_miss_and_is_deleted(
    field: str,
    content: bytes | None,
    redis: RedisServer,
    tmp_path: Path,
    files: dict[str, Path],
    caplog: pytest.LogCaptureFixture,
) -> None:
    cache = RedisCache(RedisSettings(url=redis.url))
    cache.put(key(1), FACTS, files)
    if content is None:
        redis.client.hdel(NAME, field)
    else:
        redis.client.hset(NAME, field, content)
    assert fetched(cache, tmp_path / "to") is None
    if (field, content) != ("header", None):
        assert redis.keys == []
        (warning,) = warnings(caplog)
        assert "damaged" in warning
    cache.put(key(1), FACTS, files)
    assert fetched(cache, tmp_path / "to") == RESULT
    cache.close()


def test_what_is_no_result_at_all_is_a_miss_and_is_deleted(redis: RedisServer, tmp_path: Path) -> None:
    redis.client.set(NAME, "text")
    cache = RedisCache(RedisSettings(url=redis.url))
    assert fetched(cache, tmp_path / "to") is None
    assert redis.keys == []
    cache.close()


def test_a_redis_that_dies_costs_one_warning_and_no_request(
    redis: RedisServer, server: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    one = server("one", redis.url)
    one.make(1)
    redis.kill()
    for number in range(2, 10):
        assert one.ask(number) is None
        one.make(number)
        assert one.ask(number) == RESULT
    one.cache.close()
    assert len(warnings(caplog)) == 1


def test_a_redis_that_comes_back_is_found_after_a_pause(
    redis: RedisServer,
    tmp_path: Path,
    files: dict[str, Path],
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    cache = RedisCache(RedisSettings(url=redis.url), clock)
    redis.kill()
    cache.put(key(1), FACTS, files)
    clock.now_s += 31
    assert fetched(cache, tmp_path / "to") is None
    redis.start()
    cache.put(key(1), FACTS, files)
    assert redis.keys == []
    clock.now_s += 31
    cache.put(key(1), FACTS, files)
    assert fetched(cache, tmp_path / "to") == RESULT
    said = [record.getMessage().split(":")[0] for record in caplog.records]
    assert said == [
        "Results are not shared through Redis (writing)",
        "Results are shared through Redis again (writing).",
        "Results are shared through Redis again (reading).",
    ]
    cache.close()


def test_a_redis_that_was_started_anew_between_two_requests_is_no_trouble(
    redis: RedisServer, tmp_path: Path, files: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    cache = RedisCache(RedisSettings(url=redis.url))
    assert fetched(cache, tmp_path / "to") is None
    redis.kill()
    redis.start()
    cache.put(key(1), FACTS, files)
    assert fetched(cache, tmp_path / "to") == RESULT
    assert not warnings(caplog)
    cache.close()


def test_a_redis_that_never_answers_costs_one_warning_and_no_request(
    server: Opener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_redis_cache, "_CALL_TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        one = server("one", f"redis://127.0.0.1:{deaf.getsockname()[1]}/0")
        for number in range(3):
            assert one.ask(number) is None
            one.make(number)
            assert one.ask(number) == RESULT
        one.cache.close()
    (warning,) = warnings(caplog)
    assert "Results are not shared through Redis (reading): Timeout" in warning


def test_a_redis_that_is_slow_is_given_up(
    redis: RedisServer, tmp_path: Path, files: dict[str, Path], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    def slow() -> float:
        clock.now_s += 15
        return clock.now_s

    cache = RedisCache(RedisSettings(url=redis.url), clock)
    cache.put(key(1), FACTS, files)
    cache._clock = slow
    assert fetched(cache, tmp_path / "to") is None
    (warning,) = warnings(caplog)
    assert "a result took longer than 20 s" in warning
    cache.close()


def test_without_space_for_what_redis_gives_nothing_is_left_over(
    redis: RedisServer, server: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = server("one", redis.url), server("other", redis.url)
    one.make(1)
    one.cache.close()
    put = ObjectStore.put

    def full(self: ObjectStore, name: str, content: bytes | Path) -> None:
        if name.endswith("poster"):
            raise StorageFullError("No space is left.")
        put(self, name, content)

    monkeypatch.setattr(ObjectStore, "put", full)
    with pytest.raises(StorageFullError):
        other.ask(1)
    assert other.objects.keys("tasks/new") == []


def test_without_space_for_what_comes_from_redis_that_is_told(
    redis: RedisServer, server: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(RedisCache, "fetch", full)
    with pytest.raises(StorageFullError):
        server("one", redis.url).ask(1)


def test_clearing_while_redis_is_down_clears_what_is_here(
    redis: RedisServer, server: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    one = server("one", redis.url)
    one.make(1)
    redis.kill()
    one.cache.clear()
    assert one.ask(1) is None
    assert len(warnings(caplog)) == 1


def test_a_full_redis_still_gives(
    redis: RedisServer, tmp_path: Path, files: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    cache = RedisCache(RedisSettings(url=redis.url))
    cache.put(key(1), FACTS, files)
    redis.client.config_set("maxmemory", "1")
    cache.put(key(2), FACTS, files)
    assert fetched(cache, tmp_path / "to") == RESULT
    (warning,) = warnings(caplog)
    assert "(writing)" in warning
    cache.close()


def test_a_result_that_vanishes_while_it_is_shared_leaves_nothing(redis: RedisServer, tmp_path: Path) -> None:
    class Vanishing(type(tmp_path)):  # type: ignore[misc]
        def open(self, *_: object) -> None:
            raise FileNotFoundError(self)

    (tmp_path / "a").write_bytes(b"a")
    cache = RedisCache(RedisSettings(url=redis.url))
    with pytest.raises(FileNotFoundError):
        cache.put(key(1), FACTS, {"a": tmp_path / "a", "b": Vanishing(tmp_path / "a")})
    cache.close()
    assert redis.keys == []


def test_a_result_that_vanished_before_it_was_shared_is_no_trouble(
    redis: RedisServer, server: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    one = server("one", redis.url)
    one.cache._sharing.submit(redis.client.ping).result()
    one.make(1)
    one.cache._local.clear()
    one.cache.close()
    assert not warnings(caplog)


def test_a_password_works_and_is_never_told(
    tmp_path: Path, files: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    with running_redis("--requirepass", "pass/word") as redis:
        right = RedisCache(RedisSettings(url=redis.url.replace("://", "://:pass%2Fword@")))
        right.put(key(1), FACTS, files)
        assert fetched(right, tmp_path / "to") == RESULT
        wrong = RedisCache(RedisSettings(url=redis.url.replace("://", "://:invalid@")))
        assert fetched(wrong, tmp_path / "to") is None
        for cache in (right, wrong):
            cache.close()
    (warning,) = warnings(caplog)
    assert "***" in warning
    assert "invalid" not in warning


@pytest.mark.parametrize("url", ["http://:secret@host", "", "redis://:se/cret@host", "redis://host:secret"])
def test_a_url_that_is_none_of_redis_is_told_without_its_secrets(url: str) -> None:
    with pytest.raises(BadOptionError, match=r"redis\.url is no address of Redis") as caught:
        RedisCache(RedisSettings(url=url))
    assert "cret" not in str(caught.value)
