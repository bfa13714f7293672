from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.delivery.host import SOG, ended
from wheatstone.delivery import WebhookEvent, Webhooks
from wheatstone.delivery.webhooks import payload_of
from wheatstone.errors import BadOptionError, EgressRefusedError, UnknownWebhookError
from wheatstone.settings import WebhookSettings
from wheatstone.storage import Artifact, Status, TaskStore, WebhookStore, open_database

COMPLETED, FAILED = WebhookEvent
URL = "https://example.com/webhook"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_database(tmp_path / "tasks.db")
    yield engine
    engine.dispose()


def webhooks(engine: sa.Engine, **settings: Any) -> Webhooks:
    return Webhooks(WebhookSettings.model_validate(settings), WebhookStore(engine))


def test_what_is_said_of_a_completed_task(engine: sa.Engine) -> None:
    task = ended(TaskStore(engine))
    assert task.started_at is not None
    task = replace(task, finished_at=task.started_at + timedelta(seconds=15.5))
    assert task.finished_at is not None
    assert json.loads(payload_of(task)) == {
        "event": "task_completed",
        "task_id": "a",
        "status": "success",
        "url": "/files/a/output.ply",
        "processing_time": 15.5,
        "timestamp": task.finished_at.timestamp(),
    }


def test_a_task_without_ply_is_told_by_its_sog(engine: sa.Engine) -> None:
    task = replace(ended(TaskStore(engine)), artifacts=(SOG,))
    assert json.loads(payload_of(task))["url"] == "/files/a/output.sog"


def test_a_mesh_is_told_by_its_best_file(engine: sa.Engine) -> None:
    made = [Artifact(name, name, "", 1) for name in ("pixel_images.png", "output3d.zip", "model.glb")]
    task = replace(ended(TaskStore(engine)), kind="mesh", artifacts=tuple(made))
    assert json.loads(payload_of(task))["url"] == "/files/a/model.glb"
    assert json.loads(payload_of(replace(task, artifacts=tuple(made[:2]))))["url"] == "/files/a/output3d.zip"


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
def test_what_is_said_of_a_task_that_failed_or_was_cancelled(status: Status, engine: sa.Engine) -> None:
    task = ended(TaskStore(engine), status=status)
    assert task.finished_at is not None
    assert json.loads(payload_of(task)) == {
        "event": "task_failed",
        "task_id": "a",
        "status": "error",
        "error": "显存不足",
        "timestamp": task.finished_at.timestamp(),
    }


def test_what_is_registered_wins_over_the_settings_and_stays(engine: sa.Engine) -> None:
    settings = {"task_completed": URL, "task_failed": f"{URL}/failed"}
    webhooks(engine, **settings).register(COMPLETED, f"{URL}/other")
    assert webhooks(engine, **settings).urls() == {COMPLETED: f"{URL}/other", FAILED: f"{URL}/failed"}


def test_what_is_unregistered_stays_so_whatever_the_settings_say(engine: sa.Engine) -> None:
    webhooks(engine, task_completed=URL).unregister(COMPLETED)
    assert webhooks(engine, task_completed=URL).urls() == {}
    webhooks(engine).register(COMPLETED, URL)
    assert webhooks(engine).urls() == {COMPLETED: URL}


@pytest.mark.parametrize("event", ["task_failed", "task_begun", ""])
def test_what_is_not_registered_cannot_be_unregistered(event: str, engine: sa.Engine) -> None:
    with pytest.raises(UnknownWebhookError):
        webhooks(engine, task_completed=URL).unregister(event)


@pytest.mark.parametrize(
    "url", ["", "example.com", "ftp://example.com", "http://me:secret@example.com", "http://"]
)
def test_a_url_that_nothing_can_be_sent_to_is_refused(url: str, engine: sa.Engine) -> None:
    with pytest.raises(EgressRefusedError):
        webhooks(engine).register(COMPLETED, url)
    if url:
        with pytest.raises(BadOptionError, match="WHEATSTONE_WEBHOOK__TASK_FAILED"):
            webhooks(engine, task_failed=url)


def test_a_name_is_not_looked_up_when_it_is_registered(engine: sa.Engine) -> None:
    webhooks(engine).register(COMPLETED, "http://no-such-host.invalid/")
    webhooks(engine).register(COMPLETED, "http://127.0.0.1/")


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("secret", "does not begin with whsec_"),
        ("whsec_???", "no Base64"),
        ("whsec_ä", "no Base64"),
        ("whsec_" + b64encode(bytes(23)).decode(), "this one has 23"),
        ("whsec_" + b64encode(bytes(65)).decode(), "this one has 65"),
    ],
)
def test_a_secret_that_cannot_be_used_is_told_at_the_start(secret: str, why: str, engine: sa.Engine) -> None:
    with pytest.raises(BadOptionError, match=why) as caught:
        webhooks(engine, secret=secret)
    assert secret not in str(caught.value)
