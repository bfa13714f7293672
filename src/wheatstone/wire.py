"""What goes over the wire of our own API under `/v1`: one set of types for the server and its clients."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field, model_validator


class JobError(BaseModel):
    """Why a job failed or was cancelled."""

    code: str = Field(description="Stable; the last part of a problem's type.")
    title: str
    detail: str


class JobArtifact(BaseModel):
    """A file that a job made."""

    name: str
    type: str
    bytes: int
    url: str


class Job(BaseModel):
    """A job and all that is known of it."""

    id: str
    kind: str = Field(description="splat or mesh.")
    batch_id: str | None = Field(description="The batch that it came with.")
    done: bool
    status: str = Field(description="queued, converting, compressing, completed, failed or cancelled.")
    stage: str | None = Field(description="The stage that runs now.")
    progress: float | None = Field(description="How far that stage is, 0 to 1.")
    queue_position: int | None = Field(description="1 is next; null once it has begun.")
    priority: int = Field(description="Of those that wait, higher ones go first.")
    error: JobError | None
    source_name: str
    picture_id: str = Field(description="Names the photo, to be used again without sending it.")
    model: str | None
    label: str | None = Field(description="What the model calls its results, to be shown with them.")
    licence: str | None
    cache_hit: bool = Field(description="Whether the result was there from an equal request.")
    gaussians: int | None
    seconds: dict[str, float] = Field(description="Stage to seconds.")
    artifacts: list[JobArtifact]
    view: dict[str, Any] | None = Field(description="What a viewer must know: camera, pivot, limits.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobPage(BaseModel):
    """Some jobs, the newest first."""

    jobs: list[Job]
    next: str | None = Field(description="The cursor of the page after this; null on the last.")


class JobOptions(BaseModel, extra="forbid"):
    """What to make of a photo; with one that is sent along, these are fields of the form."""

    kind: Literal["splat", "mesh"] = Field("splat", description="What to make: a splat, or a mesh of an object.")
    model: str | None = None
    focal_length: float | None = Field(None, description="In pixels; by default from EXIF.")
    keep_ply: bool | None = Field(None, description="Keep the PLY, too; by default as the server's settings say.")
    priority: int = Field(0, ge=-100, le=100)
    time_limit_s: float | None = Field(None, gt=0, description="Seconds that it may work, waiting not counted.")


class JobRequest(JobOptions):
    """A job about a photo that is elsewhere, or here already: exactly one of the two names it."""

    image_url: str | None = Field(None, description="Where to fetch the photo.")
    picture_id: str | None = Field(None, description="A photo that a job here has.")

    @model_validator(mode="after")
    def _check(self) -> JobRequest:
        if (self.image_url is None) == (self.picture_id is None):
            raise ValueError("exactly one of image_url and picture_id names the photo")
        return self


class StatusEvent(BaseModel):
    """Data of `event: status`: a job has a new status."""

    job_id: str
    status: str
    message: str | None = None


class ProgressEvent(BaseModel):
    """Data of `event: progress`: a job's present stage has come further."""

    job_id: str
    stage: str
    fraction: float = Field(description="0 to 1.")


class ArtifactEvent(BaseModel):
    """Data of `event: artifact`: a job that gives its results part by part has made one."""

    job_id: str
    name: str
    url: str


class Rejected(BaseModel):
    """A file of a batch that is no job."""

    name: str
    error: JobError


class Batch(BaseModel):
    """Jobs that came together."""

    id: str
    done: bool = Field(description="Whether all its jobs have ended.")
    counts: dict[str, int] = Field(description="Status to number of jobs.")
    jobs: list[Job]
    rejected: list[Rejected]
    created_at: datetime


class SignedLink(BaseModel):
    """A link to an artifact that works without a key, for a while."""

    url: str
    expires_at: datetime


class Delivery(BaseModel):
    """Something that others are told: a webhook, or a callback with a result."""

    id: str = Field(description="The receiver knows it as `webhook-id`.")
    kind: str = Field(description="webhook or callback.")
    event: str = Field(description="task_completed, task_failed; result, status.")
    job_id: str = Field(description="Of the job that it tells about.")
    receiver: str = Field(description="Scheme, host and port of where it goes; the rest may hold secrets.")
    status: str = Field(description="waiting, pending, delivered or dead.")
    attempts: int
    error: str | None = Field(description="What was wrong with the last attempt.")
    next_attempt_at: datetime | None
    created_at: datetime
    finished_at: datetime | None


class DeliveryPage(BaseModel):
    """Some deliveries, the oldest first."""

    deliveries: list[Delivery]


class Replayed(BaseModel):
    """How many deliveries begin anew."""

    replayed: int
