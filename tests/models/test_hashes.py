from __future__ import annotations

import hashlib
import os
from io import BufferedReader
from pathlib import Path
from typing import Any

import pytest

from wheatstone.errors import CheckpointUnavailableError
from wheatstone.models import hashes
from wheatstone.models.hashes import weights_sha256


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were read."""
    names: list[str] = []
    digest = hashlib.file_digest

    def spy(file: BufferedReader, name: str) -> Any:
        names.append(Path(file.name).name)
        return digest(file, name)

    monkeypatch.setattr(hashlib, "file_digest", spy)
    monkeypatch.setattr(hashes, "_known", {})
    return names


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.pt"
    path.write_bytes(b"weights")
    return path


def restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashes, "_known", {})


def test_weights_are_read_once_even_across_restarts(
    weights: Path, tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = hashlib.sha256(b"weights").hexdigest()
    for _ in range(2):
        assert weights_sha256(weights, tmp_path / "cache") == expected
    restart(monkeypatch)
    assert weights_sha256(weights, tmp_path / "cache") == expected
    assert read == ["weights.pt"]


def test_other_weights_at_the_same_place_are_read_again(weights: Path, tmp_path: Path, read: list[str]) -> None:
    first = weights_sha256(weights, tmp_path)
    weights.write_bytes(b"heavier")
    os.utime(weights, ns=(0, 1))
    assert weights_sha256(weights, tmp_path) == hashlib.sha256(b"heavier").hexdigest() != first
    assert len(read) == 2


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"a": 1}', b"\xff"])
def test_a_damaged_memory_is_forgotten(
    content: bytes, weights: Path, tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hashes.json").write_bytes(content)
    for _ in range(2):
        restart(monkeypatch)
        assert weights_sha256(weights, tmp_path) == hashlib.sha256(b"weights").hexdigest()
    assert len(read) == 1


def test_without_a_place_for_the_memory_it_works_all_the_same(
    weights: Path, tmp_path: Path, read: list[str]
) -> None:
    (tmp_path / "file").write_text("")
    for _ in range(2):
        assert weights_sha256(weights, tmp_path / "file") == hashlib.sha256(b"weights").hexdigest()
    assert len(read) == 1


def test_weights_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(CheckpointUnavailableError, match="cannot be read"):
        weights_sha256(tmp_path / "none", tmp_path)
