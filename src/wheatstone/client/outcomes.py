"""How jobs end, as errors where it is not well."""

from __future__ import annotations

from wheatstone.errors import WheatstoneError
from wheatstone.wire import Job

FINAL = frozenset({"completed", "failed", "cancelled"})


class JobFailedError(WheatstoneError):
    """A job failed; `code`, `title` and the message are those of what went wrong.

    Attributes:
        job: all that is known of it.
    """

    code = "job-failed"
    title = "Job failed"

    def __init__(self, job: Job) -> None:
        super().__init__(job.error.detail if job.error else f"Job {job.id} {job.status}.")
        self.job = job
        if job.error:
            self.code, self.title = job.error.code, job.error.title


class JobCancelledError(JobFailedError):
    """A job was cancelled.

    Attributes:
        job: all that is known of it.
    """

    code = "job-cancelled"
    title = "Job cancelled"
    status = 409


def completed(job: Job) -> Job:
    """The job, if it is completed.

    Raises:
        JobFailedError: it failed.
        JobCancelledError: it was cancelled.
    """
    if job.status == "cancelled":
        raise JobCancelledError(job)
    if job.status == "failed":
        raise JobFailedError(job)
    return job
