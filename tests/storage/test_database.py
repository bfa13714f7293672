from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from wheatstone.errors import StorageUnavailableError
from wheatstone.storage import open_database
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
