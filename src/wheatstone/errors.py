"""Every error Wheatstone raises on purpose, so that a caller needs to catch only one."""

from __future__ import annotations

import errno

_MAX_REASON_CHARACTERS = 200


class WheatstoneError(Exception):
    """Base of all errors raised on purpose.

    The message is written for the person who reads it: what was wrong, with which input, what to do.

    Attributes:
        code: stable identifier, also the last part of the problem type on the wire.
        title: the kind of error in a few words.
        status: the HTTP status it becomes on the wire.
    """

    code: str = "internal"
    title: str = "Something went wrong"
    status: int = 500


class BadPictureError(WheatstoneError):
    """The bytes are not a picture that can be read."""

    code = "bad-picture"
    title = "Not a readable picture"
    status = 415


class PictureTooLargeError(WheatstoneError):
    """The picture is larger than the limits allow; told from its header, before decoding."""

    code = "picture-too-large"
    title = "Picture too large"
    status = 413


class BadSceneError(WheatstoneError):
    """A splat file or a set of Gaussians is malformed."""

    code = "bad-scene"
    title = "Not a readable splat scene"
    status = 422


class BadMeshError(WheatstoneError):
    """A mesh file or a mesh is malformed."""

    code = "bad-mesh"
    title = "Not a readable mesh"
    status = 422


class UnknownFormatError(WheatstoneError):
    """A file name or format name that no format module claims."""

    code = "unknown-format"
    title = "Unknown format"
    status = 415


class BadOptionError(WheatstoneError):
    """An option has a value that cannot be used."""

    code = "bad-option"
    title = "Bad option"
    status = 422


class OutputExistsError(WheatstoneError):
    """The output is already there and overwriting was not asked for."""

    code = "output-exists"
    title = "Output exists"
    status = 409


class UnknownModelError(WheatstoneError):
    """No model or checkpoint of that name."""

    code = "unknown-model"
    title = "Unknown model"
    status = 404


class CheckpointUnavailableError(WheatstoneError):
    """A checkpoint is not here and could not be fetched, or what was fetched is not the right file."""

    code = "checkpoint-unavailable"
    title = "Checkpoint unavailable"
    status = 503


class ModelUnavailableError(WheatstoneError):
    """A model needs something that is not installed."""

    code = "model-unavailable"
    title = "Model unavailable"
    status = 503


class ViewerUnavailableError(WheatstoneError):
    """Wheatstone was installed without the page that shows scenes."""

    code = "viewer-unavailable"
    title = "Viewer unavailable"
    status = 503


class EgressRefusedError(WheatstoneError):
    """An outgoing request to an address that may not be reached, or an answer over its limits."""

    code = "egress-refused"
    title = "Outgoing request refused"
    status = 422


class EgressFailedError(WheatstoneError):
    """The other side of an outgoing request cannot be reached, breaks off or takes too long."""

    code = "egress-failed"
    title = "Outgoing request failed"
    status = 502


class CancelledError(WheatstoneError):
    """The work was told to end early."""

    code = "cancelled"
    title = "Cancelled"
    status = 409


class ChildCrashedError(WheatstoneError):
    """A child process ended in the middle of its work."""

    code = "child-crashed"
    title = "Model crashed"
    status = 500


class ModelFailedError(WheatstoneError):
    """A model, or what it is built on, raised something nobody expected."""

    code = "model-failed"
    title = "Model failed"
    status = 500


class DeviceMemoryError(WheatstoneError):
    """The device that a model runs on has too little memory for it."""

    code = "device-memory"
    title = "Not enough memory"
    status = 503


class CompressionFailedError(WheatstoneError):
    """The external compressor failed, took too long or left no file."""

    code = "compression-failed"
    title = "Compression failed"
    status = 500


class StorageFullError(WheatstoneError):
    """No space is left where results go."""

    code = "storage-full"
    title = "No space left"
    status = 507


class StorageUnavailableError(WheatstoneError):
    """The place where results go, or the database, cannot be used."""

    code = "storage-unavailable"
    title = "Storage unavailable"
    status = 503


class ServerBusyError(WheatstoneError):
    """Another server holds the folder or the port."""

    code = "server-busy"
    title = "Already in use"
    status = 409


class UnknownTaskError(WheatstoneError):
    """No task of that id, or none any more, or not with what was asked for."""

    code = "unknown-task"
    title = "Unknown task"
    status = 404


class QueueFullError(WheatstoneError):
    """As many tasks wait as may; come again later."""

    code = "queue-full"
    title = "Queue full"
    status = 503


class TimeLimitError(WheatstoneError):
    """A task worked longer than it may."""

    code = "time-limit"
    title = "Time limit exceeded"
    status = 504


class IdempotencyMismatchError(WheatstoneError):
    """The key of a request was used for another one."""

    code = "idempotency-mismatch"
    title = "Key used for another request"
    status = 422


class IdempotencyInFlightError(WheatstoneError):
    """A request with this key is being accepted."""

    code = "idempotency-in-flight"
    title = "Request in flight"
    status = 409


class TaskUnderWayError(WheatstoneError):
    """The client calls two tasks the same, and the first of them has not ended."""

    code = "task-under-way"
    title = "Task under way"
    status = 409


class UnknownDeliveryError(WheatstoneError):
    """No delivery of that id, or none any more."""

    code = "unknown-delivery"
    title = "Unknown delivery"
    status = 404


class BadLinkError(WheatstoneError):
    """A signed link that is over, or was not made here."""

    code = "bad-link"
    title = "Link not valid"
    status = 403


class UnknownWebhookError(WheatstoneError):
    """Nobody is told of that event, or there is no such event."""

    code = "unknown-webhook"
    title = "Unknown webhook"
    status = 404


class ServerUnreachableError(WheatstoneError):
    """A Wheatstone server cannot be reached, or breaks off, however often it is tried."""

    code = "server-unreachable"
    title = "Server unreachable"
    status = 503


class BadAnswerError(WheatstoneError):
    """What answers is no Wheatstone server, or something between it and us answers instead."""

    code = "bad-answer"
    title = "Not an answer of Wheatstone"
    status = 502


class StillRunningError(WheatstoneError):
    """The time to wait for a job is over; the job goes on."""

    code = "still-running"
    title = "Still running"
    status = 504


class BadWebhookError(WheatstoneError):
    """A webhook was not signed with the secret, is too old, or is none of ours."""

    code = "bad-webhook"
    title = "Not a genuine webhook"
    status = 400


def error_of(code: str, message: str, *, title: str | None = None, status: int | None = None) -> WheatstoneError:
    """The error of that code, as it was raised elsewhere.

    A code that nobody knows gives the base, with the title and status that were told, if any.
    """
    for kind in WheatstoneError.__subclasses__():
        if kind.code == code:
            return kind(message)
    error = WheatstoneError(message)
    error.code, error.title, error.status = code, title or error.title, status or error.status
    return error


def error_of_system(error: OSError) -> WheatstoneError | None:
    """What the system said, if it is something that we know how to tell: no space is left."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFullError("No space is left for files; free some, or let less be kept.")
    return None


def reason(error: BaseException) -> str:
    """What another library says about a failure, as one short printable line; its kind when it says nothing."""
    text = " ".join(str(error).split()).rstrip(".")
    printable = "".join(character if character.isprintable() else "?" for character in text)
    return printable[:_MAX_REASON_CHARACTERS] or type(error).__name__
