"""The database: SQLite in a file, brought to the newest migration when it is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from wheatstone.errors import StorageFullError, StorageUnavailableError, WheatstoneError, reason

_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON")


def open_database(path: Path) -> sa.Engine:
    """Open the database at `path`, made if need be, its tables as this version wants them.

    Raises:
        StorageUnavailableError: the file cannot be written, is no database, or is of a newer version.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(sa.URL.create("sqlite", database=str(path.resolve())))
        sa.event.listen(engine, "connect", _prepare)
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except (OSError, sa.exc.SQLAlchemyError) as error:
        raise StorageUnavailableError(f"The database {path} cannot be used: {reason(_cause(error))}.") from error
    except CommandError as error:
        raise StorageUnavailableError(f"The database {path} is of a newer Wheatstone: {reason(error)}.") from error
    return engine


def database_error(error: sa.exc.SQLAlchemyError) -> WheatstoneError:
    """What keeps the database from working, to be told: no space, or something else."""
    said = reason(_cause(error))
    if "disk is full" in said:
        return StorageFullError("No space is left for the database; free some, or let less be kept.")
    return StorageUnavailableError(f"The database cannot be used: {said}.")


def _prepare(connection: Any, _record: object) -> None:
    """Writers wait for each other; what is committed survives a power cut."""
    connection.isolation_level = "IMMEDIATE"
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _cause(error: Exception) -> BaseException:
    """What the driver said, without the statement around it."""
    return getattr(error, "orig", None) or error
