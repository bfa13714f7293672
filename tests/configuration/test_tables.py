from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.configuration.files import NAMES, TABLES, VALUES, Writer
from wheatstone.configuration import jsonc, yaml
from wheatstone.configuration.tables import read, update
from wheatstone.errors import BadOptionError

PATHS = st.lists(NAMES, min_size=1, max_size=2)


def with_value(table: dict[str, Any], path: list[str], value: object) -> dict[str, Any]:
    first, *rest = path
    inner = table.get(first)
    return {**table, first: with_value(inner if isinstance(inner, dict) else {}, rest, value) if rest else value}


@given(st.data(), TABLES, PATHS, VALUES)
def test_json_with_another_value_says_the_rest_as_before(
    data: st.DataObject, table: dict[str, Any], path: list[str], value: object
) -> None:
    writer = Writer(data.draw)
    text = writer.jsonc_gap() + writer.jsonc(table) + writer.jsonc_gap()
    assert jsonc.load(text) == table
    changed = jsonc.scan(text).with_value(tuple(path), value)
    assert jsonc.load(changed) == with_value(table, path, value)
    for comment in writer.comments:
        assert comment in changed


@given(st.data(), TABLES, PATHS, VALUES)
def test_yaml_with_another_value_says_the_rest_as_before(
    data: st.DataObject, table: dict[str, Any], path: list[str], value: object
) -> None:
    writer = Writer(data.draw)
    text = writer.yaml(table)
    assert yaml.load(text) == table
    changed = yaml.scan(text).with_value(tuple(path), value)
    assert yaml.load(changed) == with_value(table, path, value)
    for comment in writer.comments:
        assert comment in changed


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("c.yaml", "server:\n  port: 1    # ours\n", "server:\n  port: 2    # ours\n"),
        ("c.yaml", "server:\n  host: x # far\n\n# end\n", "server:\n  host: x # far\n  port: 2\n\n# end\n"),
        ("c.yaml", "# nothing yet\n", "# nothing yet\nserver:\n  port: 2\n"),
        ("c.yaml", "server: {host: x}", 'server: {host: x, "port": 2}'),
        ("c.yaml", "server:\n  port:\nmode: cpu", "server:\n  port: 2\nmode: cpu"),
        ("c.yaml", "mode: cpu", "mode: cpu\nserver:\n  port: 2\n"),
        ("c.yaml", "server:\r\n  port: 1\r\n", "server:\r\n  port: 2\r\n"),
        ("c.yaml", "server:\n- 1\n", 'server:\n  {"port": 2}\n'),
        ("c.json", '{"server": {"port": 1 /* ours */}}', '{"server": {"port": 2 /* ours */}}'),
        ("c.json", '{"server": {"host": "x"}}', '{"server": {"host": "x", "port": 2}}'),
        (
            "c.jsonc",
            '{\n  server: {\n    host: "x", // far\n  },\n}\n',
            '{\n  server: {\n    host: "x", // far\n    "port": 2,\n  },\n}\n',
        ),
        (
            "c.jsonc",
            '{\n\t"server": {\n\t\t"host": "x" // far\n\t}\n}',
            '{\n\t"server": {\n\t\t"host": "x", // far\n\t\t"port": 2\n\t}\n}',
        ),
        ("c.json", "{}\n", '{\n  "server": {\n    "port": 2\n  }\n}\n'),
        ("c.json", "\ufeff{}", '\ufeff{\n  "server": {\n    "port": 2\n  }\n}'),
    ],
)
def test_a_change_is_what_a_person_would_have_typed(name: str, before: str, after: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(before.encode())
    update(path, "server", {"port": 2})
    assert path.read_bytes().decode() == after


@pytest.mark.parametrize("name", ["deep/er/config.yaml", "config.json"])
def test_a_missing_file_is_made_with_its_folders(name: str, tmp_path: Path) -> None:
    best = {"name": "all", "amp": True, "tf32": False}
    update(tmp_path / name, "performance_cache", {"last_test": "2026-01-31T12:00:00+00:00", "best_config": best})
    assert read(tmp_path / name)["performance_cache"]["best_config"] == best


def test_a_value_outside_sections_is_set(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("mode: auto # any\n")
    update(path, "", {"mode": "cpu"})
    assert path.read_text() == 'mode: "cpu" # any\n'


def test_a_change_that_would_change_more_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    text = "a: &shared\n  port: 1\nserver: *shared\n"
    path.write_text(text)
    with pytest.raises(BadOptionError, match="edit it by hand"):
        update(path, "server", {"host": "x"})
    assert path.read_text() == text


@pytest.mark.skipif(os.name == "nt", reason="permissions are of another kind there")
def test_a_changed_file_keeps_its_permissions_and_the_link_to_it(tmp_path: Path) -> None:
    path, link = tmp_path / "secret.json", tmp_path / "config.json"
    path.write_text("{}")
    path.chmod(0o600)
    link.symlink_to(path)
    update(link, "server", {"port": 2})
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == {"server": {"port": 2}}


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadOptionError, match="cannot be written"):
        update(tmp_path / "file" / "config.yaml", "server", {"port": 2})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [1, 2", "is not YAML: line 1"),
        ("a: 1\na: 2", "is not YAML"),
        ("a: !!python/object/apply:os.getcwd []", "is not YAML"),
        ("- 1", "must hold a table"),
        ("a: &x [*x]", r"the alias \*x names nothing"),
        ("a: 1\n---\nb: 2", "is not YAML"),
        ("[" * 100 + "]" * 100, "go deeper than 64"),
        (
            "x: &a0 [1,1,1,1,1,1,1,1]\n"
            + "".join(f"x{i}: &a{i + 1} [{','.join([f'*a{i}'] * 8)}]\n" for i in range(9)),
            "unfold",
        ),
        ("x" * (1 << 20) + "x", "larger than"),
        ("a: \x00", "is not YAML"),
    ],
)
def test_what_is_no_configuration_is_told(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(BadOptionError, match=told):
        read(path)


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(BadOptionError, match="is not UTF-8"):
        read(path)


def test_yaml_is_that_of_1_2(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("country: no\nmode: 0o17\n")
    assert read(path) == {"country": "no", "mode": 15}
