"""Photos of objects become meshes on another machine; what is made comes here."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

from wheatstone.client import Client
from wheatstone.client.outcomes import JobFailedError, completed
from wheatstone.errors import BadAnswerError, ModelFailedError, WheatstoneError
from wheatstone.meshes.formats import obj
from wheatstone.models.roles import METADATA, OBJECT, is_part_name
from wheatstone.pipelines.photo_to_mesh import MadeMesh
from wheatstone.stages import Stages
from wheatstone.wire import Job, ProgressEvent

_BESIDE = ("poster.webp", METADATA)
"""What the server adds to what the model made."""


def mesh_remotely(client: Client, photo: Path, model: str, stages: Stages) -> tuple[MadeMesh, Job]:
    """What a server makes of a photo, and its job; Ctrl-C cancels that.

    Args:
        client: of the server.
        photo: a file.
        model: its name, or `auto` for the server's choice.
        stages: told how far the server is, and how long its stages took.

    Raises:
        WheatstoneError: the photo cannot be read, or the server cannot be reached.
        ModelFailedError: the job failed; says which photo, and why.
        BadAnswerError: what it made is no mesh.
    """
    job = client.submit(photo, kind="mesh", model=None if model == "auto" else model)
    try:
        for event in client.follow(job):
            if isinstance(event, ProgressEvent):
                stages.report(event.stage, event.fraction)
        job = completed(client.job(job))
    except JobFailedError as error:
        raise ModelFailedError(f"{photo.name}: {error}") from error
    except KeyboardInterrupt:
        with suppress(WheatstoneError):  # whatever the server says, the person wants an end
            client.cancel(job)
        raise
    parts: dict[str, bytes] = {}
    with stages.stage("download"), tempfile.TemporaryDirectory() as folder:
        for name in (artifact.name for artifact in job.artifacts if artifact.name not in _BESIDE):
            if not is_part_name(name):
                raise BadAnswerError(f"The server made a part of the name {name!r}, which is none for a file.")
            parts[name] = client.download(job, Path(folder, name), artifact=name).read_bytes()
    if OBJECT not in parts:
        raise BadAnswerError(f"The server made no {OBJECT}.")
    stages.add(job.seconds)
    return MadeMesh(obj.decode_zip(parts[OBJECT]), parts), job
