from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext

from wheatstone import storage
from wheatstone.errors import StorageUnavailableError
from wheatstone.storage import Status, TaskStore, Topic, open_database
from wheatstone.storage.tables import metadata


def test_migrations_lead_to_the_tables_that_the_code_uses(tmp_path: Path) -> None:
    engine = open_database(tmp_path / "tasks.db")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_a_database_can_be_opened_again(tmp_path: Path) -> None:
    for _ in range(2):
        engine = open_database(tmp_path / "new" / "folder" / "tasks.db")
        assert "tasks" in sa.inspect(engine).get_table_names()
        engine.dispose()


def old_database(path: Path) -> None:
    """As the first version left one: with a task that has ended, and its events."""
    moment = "2026-01-01 00:00:00.000000"
    engine = sa.create_engine(f"sqlite:///{path}")
    config = Config()
    config.set_main_option("script_location", str(Path(storage.__file__).with_name("migrations")))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql("INSERT INTO identity VALUES ('me')")
        connection.exec_driver_sql(
            "INSERT INTO tasks (id, kind, status, model, photo_sha256, photo_bytes, source_name, artifacts, "
            "facts, created_at) VALUES ('a', 'splat', 'completed', 'auto', '0', 1, 'a.jpg', '[]', '{}', ?)",
            (moment,),
        )
        for sequence, status in enumerate(("queued", "converting", "completed"), 1):
            values = ("a", sequence, status, None, moment)
            connection.exec_driver_sql("INSERT INTO events VALUES (?, ?, ?, ?, ?)", values)
        connection.commit()
    engine.dispose()


def assert_nothing_is_lost(path: Path) -> None:
    engine = open_database(path)
    store = TaskStore(engine)
    assert store.get("a").source_name == "a.jpg"
    told = store.news(Topic("a"))
    assert [(event.sequence, event.status) for event in told.events] == [
        (1, Status.QUEUED),
        (2, Status.CONVERTING),
        (3, Status.COMPLETED),
    ]
    identity, link_key = store.identity()
    assert (identity, len(link_key)) == ("me", 32)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_a_database_of_the_first_version_is_brought_up_to_date_however_often_that_is_killed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "tasks.db"
    old_database(path)
    cut_off: list[Path] = []

    def cut(*_: object) -> None:
        """What a kill would leave now."""
        folder = tmp_path / str(len(cut_off))
        folder.mkdir()
        for file in tmp_path.glob("tasks.db*"):
            shutil.copy(file, folder)
        cut_off.append(folder / path.name)

    sa.event.listen(sa.Engine, "before_cursor_execute", cut)
    try:
        open_database(path).dispose()
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", cut)
    assert len(cut_off) > 20
    for copy in (path, *cut_off):
        assert_nothing_is_lost(copy)


def test_what_is_committed_survives_a_power_cut(tmp_path: Path) -> None:
    engine = open_database(tmp_path / "tasks.db")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    engine.dispose()


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "tasks.db").write_text("to whom it may concern, " * 50)
    with pytest.raises(StorageUnavailableError, match=r"tasks\.db cannot be used: file is not a database"):
        open_database(tmp_path / "tasks.db")


def test_a_database_of_a_newer_version_is_told(tmp_path: Path) -> None:
    open_database(tmp_path / "tasks.db").dispose()
    connection = sqlite3.connect(tmp_path / "tasks.db")
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StorageUnavailableError, match="newer Wheatstone"):
        open_database(tmp_path / "tasks.db")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageUnavailableError, match="cannot be used"):
        open_database(tmp_path / "file" / "tasks.db")
