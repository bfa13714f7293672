"""One typed settings tree, read once and passed in; nothing else reads the environment.

A variable is named `WHEATSTONE_<SECTION>__<KEY>`, for example `WHEATSTONE_PICTURES__MAX_BYTES=20000000`.
The server also takes a file and flags: a flag beats a variable, a variable the file, the file the default.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin
from urllib.parse import unquote, urlsplit

import platformdirs
from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    IPvAnyNetwork,
    SecretStr,
    ValidationError,
    field_validator,
)

from wheatstone.errors import BadOptionError

_log = logging.getLogger(__name__)

LogLevel = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
    BeforeValidator(lambda level: level.upper() if isinstance(level, str) else level),
]
Mode = Literal["auto", "gpu", "cpu", "nvidia", "amd"]

_LEAST_SECRET_CHARACTERS = 4
"""Shorter ones are parts of other words: starring them out would hide those, and tell where it was."""

LATER: Mapping[str, str] = {
    "auto_tune": "nothing is measured yet",
    "performance_cache": "what was measured is not used yet",
    "optimization.checkpoint_segments": "it is not used, as its document says",
}
"""Keys that the documents have and that do nothing yet, and why; they are no mistakes, so nobody is warned."""


class PictureLimits(BaseModel, frozen=True):
    """What a picture may be at most; checked from its header, before any pixel is decoded."""

    max_bytes: int = Field(100_000_000, gt=0, description="Largest picture file in bytes.")
    max_pixels: int = Field(60_000_000, gt=0, description="Largest picture in pixels (width times height).")


class CheckpointSettings(BaseModel, frozen=True):
    """Where model weights come from."""

    offline: bool = Field(False, description="Never fetch weights; use only what is in the cache or named.")
    local: dict[str, Path] = Field(
        default_factory=dict, description="Checkpoint name to a file of yours, used instead of every source."
    )
    accepted_licences: tuple[str, ...] = Field(
        (), description="Checkpoints whose licence you have read and accept, such as sharp; fetched only then."
    )


class EgressSettings(BaseModel, frozen=True):
    """What outgoing requests may reach."""

    allow_private: tuple[IPvAnyNetwork, ...] = Field(
        (), description="Networks (CIDR) that may be reached although they are not public."
    )


class ServerSettings(BaseModel, frozen=True):
    """Where the server listens, and how it speaks and ends."""

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on; 0.0.0.0 for all.")
    port: int = Field(8000, ge=0, le=65_535, description="Port to listen on; 0 for a free one.")
    log_level: LogLevel = Field("INFO", description="Least important lines to log.")
    allowed_hosts: tuple[str, ...] = Field(
        (),
        description="Host names that requests may address, * for any; by default this machine's own on a loopback "
        "address, else any.",
    )
    drain_timeout_s: float = Field(
        30, ge=0, description="Seconds that running stages get to finish when the server is told to end."
    )


class AuthSettings(BaseModel, frozen=True):
    """Who may come in."""

    require_api_key: bool | None = Field(
        None,
        description="Whether requests must show a key; by default where other machines can reach the server.",
    )
    api_keys: tuple[SecretStr, ...] = Field((), description="Keys that are let in, in the header X-API-Key.")

    @field_validator("api_keys")
    @classmethod
    def _can_be_sent(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not all(re.fullmatch(r"[\x21-\x7e]+", key.get_secret_value()) for key in keys):
            raise ValueError("a key must be of printable ASCII characters, without spaces")
        return keys


class ModelSettings(BaseModel, frozen=True):
    """Which model the server runs, and on what."""

    name: str = Field("auto", description="Model for photos; auto is the best one that can run here.")
    mesh: str = Field("auto", description="Model for photos that are to become meshes, auto as for name.")
    device: str = Field("auto", description="auto, cuda, mps or cpu.")
    checkpoint_path: Path | None = Field(None, description="SHARP's checkpoint, for the model sharp.")
    warm_up: bool = Field(False, description="Load the model when the server starts rather than at first use.")
    temp_dir: Path | None = Field(
        None, description="Folder for files that are being made; by default within storage.output_dir."
    )


class InferenceSettings(BaseModel, frozen=True):
    """What models see."""

    input_size: tuple[int, int] = Field(
        (1536, 1536), description="Width and height in pixels at which sharp sees photos; below 1536 a draft."
    )


class MeshSettings(BaseModel, frozen=True):
    """How fine the meshes of inflate are."""

    faces: int = Field(24_000, ge=100, le=1_000_000, description="Faces of a mesh, about.")
    texture_size: int = Field(
        1024, ge=64, le=4096, description="Pixels along each side of the texture's halves, for front and back."
    )


class GpuSettings(BaseModel, frozen=True):
    """How networks use what they run on."""

    enable_amp: bool = Field(True, description="Half precision, where the device has it in hardware.")
    enable_cudnn_benchmark: bool = Field(
        True, description="Let cuDNN try its algorithms on the first photo and keep the fastest (NVIDIA)."
    )
    enable_tf32: bool = Field(True, description="Let float32 products lose digits on tensor cores (NVIDIA).")
    compile: bool = Field(
        False, description="Let torch.compile write kernels; the first photo then takes minutes longer."
    )


class CrmSettings(BaseModel, frozen=True):
    """CRM, a mesh model that lives in an environment of its own."""

    home: Path | None = Field(None, description="Folder of a checkout of CRM; without one the model crm is off.")
    python: Path | None = Field(
        None, description="Interpreter of CRM's environment; by default .venv/bin/python in the checkout."
    )
    checkpoints: Path | None = Field(
        None, description="Folder of CRM.pth, pixel-diffusion.pth and ccm-diffusion.pth; by default the checkout."
    )
    checkpoint_files: dict[str, Path] = Field(
        default_factory=dict, description="Name of such a file to where it is, if not in that folder."
    )
    trust_checkpoints: bool = Field(
        False, description="Load checkpoints that hold more than tensors; such a file can run any code."
    )
    scale: float = Field(5.0, gt=0, le=100, description="How closely both diffusions keep to the photo.")
    step: int = Field(50, gt=0, le=1000, description="Steps of each diffusion.")
    seed: int = Field(1234, ge=0, lt=2**32, description="Where chance begins; the same gives the same again.")
    load_timeout_s: float = Field(
        1800, gt=0, description="Seconds that loading may go on without progress; the first time it fetches CLIP."
    )
    silence_timeout_s: float = Field(
        300, gt=0, description="Seconds that CRM may work without progress before it is ended."
    )


class OptimizationSettings(BaseModel, frozen=True):
    """Less memory for more time."""

    gradient_checkpointing: bool = Field(
        False,
        description="Let sharp see the parts of a photo one by one: less memory on a GPU, more time.",
    )


class CacheSettings(BaseModel, frozen=True):
    """Results kept for equal requests."""

    enabled: bool = Field(True, description="Answer a request that equals an earlier one with its result.")
    size: int = Field(100, gt=0, description="Results kept at most.")
    max_bytes: int = Field(4_000_000_000, gt=0, description="Bytes that kept results take at most.")


class RedisSettings(BaseModel, frozen=True):
    """Results shared with other servers."""

    enabled: bool = Field(False, description="Share kept results through Redis.")
    url: str = Field("redis://localhost:6379/0", description="Where Redis is.")
    prefix: str = Field("mlsharp", min_length=1, description="What keys in Redis begin with.")
    ttl_s: int = Field(86_400, gt=0, description="Seconds that Redis keeps a result.")


class WebhookSettings(BaseModel, frozen=True):
    """Who is told of tasks that have ended."""

    enabled: bool = Field(False, description="Deliver webhooks.")
    task_completed: str = Field("", description="URL told of completed tasks; empty for none.")
    task_failed: str = Field("", description="URL told of failed tasks; empty for none.")
    secret: SecretStr = Field(
        SecretStr(""),
        description="Signs webhooks: whsec_ and Base64, as Standard Webhooks has it; empty for none.",
    )


class ReconstructionSettings(BaseModel, frozen=True):
    """Objects that are reconstructed for others."""

    callback_secret: SecretStr = Field(
        SecretStr(""),
        description="Signs callbacks: whsec_ and Base64, as Standard Webhooks has it, or a text of 24 bytes or "
        "more; empty for none.",
    )


class MonitoringSettings(BaseModel, frozen=True):
    """Metrics for Prometheus."""

    enabled: bool = Field(True, description="Keep metrics and serve them.")
    enable_gpu: bool = Field(True, description="Also watch GPUs.")
    metrics_path: str = Field("/metrics", pattern=r"^/[\w./-]+$", description="Path of the metrics.")
    port: int | None = Field(None, ge=0, le=65_535, description="Port on which metrics are served, too.")


class PerformanceSettings(BaseModel, frozen=True):
    """How much is done at once, and how much may wait."""

    max_workers: int = Field(4, gt=0, le=256, description="Tasks under way at once, compressions included.")
    max_concurrency: int = Field(10, gt=0, description="Predictions at once, on all devices together.")
    timeout_keep_alive: int = Field(30, gt=0, description="Seconds that an idle connection is kept.")
    max_requests: int = Field(1000, gt=0, description="Tasks that may wait; further ones are told to come later.")


class BrowserSettings(BaseModel, frozen=True):
    """The browser of this machine."""

    auto_open: bool = Field(True, description="Open the page when the server starts.")


class LoggingSettings(BaseModel, frozen=True):
    """What is logged, and where."""

    level: LogLevel | None = Field(None, description="Least important lines to log; by default server.log_level.")
    console: bool = Field(True, description="Log to the terminal.")
    file: bool = Field(False, description="Log to files, too: a new one at 10 MB, old ones zipped, for 7 days.")
    folder: Path = Field(Path("logs"), description="Folder of the files.")


class JobSettings(BaseModel, frozen=True):
    """What a task, or a batch of them, may take."""

    time_limit_s: float = Field(3600, gt=0, description="Seconds that a task may work, waiting not counted.")
    max_batch_bytes: int = Field(2_000_000_000, gt=0, description="Largest request that brings a batch, in bytes.")


class Generate3DSettings(BaseModel, frozen=True):
    """The WebSocket on which photos of objects become meshes."""

    idle_timeout_s: float = Field(600, gt=0, description="Hang up when no photo came for so many seconds.")
    timeout_s: float = Field(
        600, gt=0, description="Seconds from a photo to its last part, waiting and sending included."
    )


class StorageSettings(BaseModel, frozen=True):
    """Where the server keeps things, and for how long."""

    output_dir: Path = Field(Path("output/results"), description="Folder for uploaded photos and results.")
    keep_ply: bool = Field(False, description="Keep the PLY beside the compressed file.")
    db_path: Path = Field(Path("output/sqlite/metadata.db"), description="Database of tasks and their state.")
    max_age_days: float | None = Field(
        None, gt=0, description="Delete tasks that ended longer ago than this; null keeps them."
    )
    max_bytes: int | None = Field(
        None, gt=0, description="Delete the oldest ended tasks while all take more than this; null is no limit."
    )


class CompressionSettings(BaseModel, frozen=True):
    """How the server compresses scenes."""

    enabled: bool = Field(True, description="Compress results to .sog; otherwise they stay .ply.")
    command: str = Field("", description="External compressor, such as npx; empty for the built-in one.")
    args_template: tuple[str, ...] = Field(
        ("splat-transform", "{input_file}", "{output_file}"), description="Arguments of the external compressor."
    )
    max_workers: int = Field(2, gt=0, le=64, description="Compressions at once.")
    timeout: float = Field(300, gt=0, description="Seconds that a compression may take.")

    @field_validator("args_template")
    @classmethod
    def _check_template(cls, template: tuple[str, ...]) -> tuple[str, ...]:
        for part in template:
            try:
                part.format(input_file="", output_file="")
            except (LookupError, ValueError) as error:
                raise ValueError("may name {input_file} and {output_file} only") from error
        return template


class ExecutorSettings(BaseModel, frozen=True):
    """The child processes that models run in."""

    idle_timeout_s: float = Field(900, gt=0, description="End a child that had nothing to do for so many seconds.")
    budget_bytes: int | None = Field(
        None, gt=0, description="End idle children, the longest idle first, while all together hold more."
    )


class Settings(BaseModel, frozen=True):
    """The whole tree."""

    cache_dir: Path = Field(
        default_factory=lambda: platformdirs.user_cache_path("wheatstone"),
        description="Folder for weights and compiled code; safe to delete.",
    )
    server: ServerSettings = ServerSettings()
    auth: AuthSettings = AuthSettings()
    mode: Mode | None = Field(
        None, description="What models run on: auto, gpu, cpu, nvidia or amd; beats model.device."
    )
    model: ModelSettings = ModelSettings()
    inference: InferenceSettings = InferenceSettings()
    mesh: MeshSettings = MeshSettings()
    gpu: GpuSettings = GpuSettings()
    optimization: OptimizationSettings = OptimizationSettings()
    crm: CrmSettings = CrmSettings()
    storage: StorageSettings = StorageSettings()
    compression: CompressionSettings = CompressionSettings()
    cache: CacheSettings = CacheSettings()
    redis: RedisSettings = RedisSettings()
    webhook: WebhookSettings = WebhookSettings()
    reconstruction: ReconstructionSettings = ReconstructionSettings()
    performance: PerformanceSettings = PerformanceSettings()
    jobs: JobSettings = JobSettings()
    generate3d: Generate3DSettings = Generate3DSettings()
    executors: ExecutorSettings = ExecutorSettings()
    pictures: PictureLimits = PictureLimits()
    checkpoints: CheckpointSettings = CheckpointSettings()
    egress: EgressSettings = EgressSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    logging: LoggingSettings = LoggingSettings()
    browser: BrowserSettings = BrowserSettings()


def accepting(settings: Settings, checkpoints: Iterable[str]) -> Settings:
    """The settings, with the licences of these checkpoints accepted, too."""
    accepted = (*settings.checkpoints.accepted_licences, *checkpoints)
    return changed(settings, "checkpoints", accepted_licences=accepted)


def changed(settings: Settings, section: str, **values: object) -> Settings:
    """The settings, with other values in a section; they are not checked."""
    return settings.model_copy(update={section: getattr(settings, section).model_copy(update=values)})


@functools.cache
def load_settings() -> Settings:
    """Read the settings of this process from the environment, once.

    Raises:
        BadOptionError: a variable holds a value that does not fit.
    """
    return merge_settings(os.environ, {}, {})


def merge_settings(
    environment: Mapping[str, str],
    file: Mapping[str, Any],
    flags: Mapping[str, Any],
    *,
    file_name: str = "",
    names: Mapping[str, str] | None = None,
) -> Settings:
    """The settings that flags, variables and a file say; the first of these wins.

    Args:
        environment: variables by name.
        file: sections by name; keys that are no settings are ignored, with a warning.
        flags: sections by name.
        file_name: what messages call the file.
        names: what messages call a setting, by its dotted name; by default its flag, variable or key in the file.

    Raises:
        BadOptionError: a value does not fit; the message names the flag, the variable or the file's key.
    """
    for unknown in _unknown_keys(Settings, file):
        if why := LATER.get(unknown):
            _log.debug("%s: %s is ignored: %s.", file_name, unknown, why)
        else:
            _log.warning("%s: %s is no setting and is ignored.", file_name, unknown)
    variables = _from_environment(Settings, "WHEATSTONE_", environment)
    try:
        return Settings.model_validate(_merged(_merged(file, variables), flags))
    except ValidationError as error:
        first = error.errors()[0]
        section, *rest = (str(part) for part in first["loc"][:2])  # what follows is inside the value
        key = "".join(rest)
        dotted = ".".join([section, *rest])
        name = variable_of(dotted)
        if names and dotted in names:
            name = names[dotted]
        elif rest and key in flags.get(section, {}):
            name = f"--{key.replace('_', '-')}"
        elif name not in environment and file_name:
            name = f"{file_name}: {dotted}"
        got = "" if dotted in secret_names() else f" (got {first['input']!r})"
        raise BadOptionError(f"{name}: {first['msg']}{got}.") from error


def setting_names() -> Iterator[str]:
    """The dotted names of all settings: `server.port`; those outside sections have no dot."""
    for name, field in Settings.model_fields.items():
        if section := section_of(field.annotation):
            yield from (f"{name}.{key}" for key in section.model_fields)
        else:
            yield name


def secret_names() -> frozenset[str]:
    """The dotted names of the settings that nobody may see."""
    return frozenset(
        f"{name}.{key}"
        for name, field in Settings.model_fields.items()
        if (section := section_of(field.annotation))
        for key, inner in section.model_fields.items()
        if SecretStr in (inner.annotation, *get_args(inner.annotation))
    )


def value_of(settings: Settings, name: str) -> object:
    """The value of a setting with this dotted name."""
    section, _, key = name.rpartition(".")
    value: object = getattr(getattr(settings, section) if section else settings, key)
    return value


def secrets_of(settings: Settings) -> frozenset[str]:
    """What stands in these settings and nobody may see: secrets, and the passwords in addresses."""
    found = set()
    for name in setting_names():
        value = value_of(settings, name)
        if name in secret_names():
            found |= {secret.get_secret_value() for secret in (value if isinstance(value, tuple) else (value,))}
        elif isinstance(value, str) and (password := _password(value)):
            found |= {password, unquote(password)}
    return frozenset(secret for secret in found if len(secret) >= _LEAST_SECRET_CHARACTERS)


def _password(address: str) -> str | None:
    try:
        return urlsplit(address).password
    except ValueError:
        return None


def variable_of(name: str) -> str:
    """The variable of a setting with this dotted name."""
    return f"WHEATSTONE_{name.replace('.', '__')}".upper()


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both tables in one, sections inside each other; `above` wins."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        if isinstance(value, Mapping) and isinstance(under, Mapping):
            merged[key] = _merged(under, value)
        else:
            merged[key] = value
    return merged


def _unknown_keys(model: type[BaseModel], table: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in table.items():
        field = model.model_fields.get(key)
        if field is None:
            yield f"{prefix}{key}"
        elif (section := section_of(field.annotation)) and isinstance(value, Mapping):
            yield from _unknown_keys(section, value, f"{prefix}{key}.")


def section_of(kind: object) -> type[BaseModel] | None:
    """The model of a section; None for a plain value."""
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _from_environment(model: type[BaseModel], prefix: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """What variables with this prefix say about a model; tables are JSON, lists too or comma-separated."""
    values: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        variable, kind = prefix + name.upper(), field.annotation
        if section := section_of(kind):
            if inner := _from_environment(section, f"{variable}__", environment):
                values[name] = inner
        elif variable in environment:
            text = environment[variable]
            is_list = get_origin(kind) is tuple
            try:
                if is_list and not text.lstrip().startswith("["):
                    values[name] = [part.strip() for part in text.split(",") if part.strip()]
                else:
                    values[name] = json.loads(text) if is_list or get_origin(kind) is dict else text
            except json.JSONDecodeError as error:
                raise BadOptionError(f"{variable} is not JSON, as lists and tables must be: {error}.") from error
    return values
