"""Other names of settings, as programs have them that Wheatstone takes the place of; our own names win."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wheatstone.errors import BadOptionError

_VARIABLES = {
    "WHEATSTONE_MODEL__CHECKPOINT": "WHEATSTONE_MODEL__CHECKPOINT_PATH",
    "SERVER_HOST": "WHEATSTONE_SERVER__HOST",
    "SERVER_PORT": "WHEATSTONE_SERVER__PORT",
    "LOG_LEVEL": "WHEATSTONE_LOGGING__LEVEL",
    "REQUIRE_API_KEY": "WHEATSTONE_AUTH__REQUIRE_API_KEY",
    "API_KEYS": "WHEATSTONE_AUTH__API_KEYS",
    "OUTPUT_DIR": "WHEATSTONE_STORAGE__OUTPUT_DIR",
    "CRM_HOME": "WHEATSTONE_CRM__HOME",
    "MAX_UPLOAD_SIZE_MB": "WHEATSTONE_PICTURES__MAX_BYTES",
}
_METRICS, _METRICS_PORT = "ENABLE_METRICS", "METRICS_PORT"
_DEFAULT_METRICS_PORT = "9090"
_KEYS = {("model", "checkpoint"): "checkpoint_path"}
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def with_our_names(environment: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Variables, those with other names also under ours; and for each of those, which other name it had.

    One that is set to nothing counts as not set.

    Raises:
        BadOptionError: `ENABLE_METRICS` is neither yes nor no.
    """
    renamed: dict[str, str] = {}
    spelled: dict[str, str] = {}
    for name, ours in _VARIABLES.items():
        if (text := environment.get(name)) and ours not in environment:
            is_megabytes = name.endswith("_MB") and text.isdecimal()
            renamed[ours], spelled[ours] = str(int(text) * 1_000_000) if is_megabytes else text, name
    port = "WHEATSTONE_MONITORING__PORT"
    if _is_yes(environment.get(_METRICS, "")) and port not in environment:
        given = environment.get(_METRICS_PORT, "")
        renamed[port] = given or _DEFAULT_METRICS_PORT
        spelled[port] = _METRICS_PORT if given else _METRICS
    return {**environment, **renamed}, spelled


def our_key(section: str, key: str) -> str:
    """What we call a key of a section."""
    return _KEYS.get((section, key), key)


def with_our_keys(table: Mapping[str, Any]) -> dict[str, Any]:
    """A table of sections, its keys named as we do."""
    ours = dict(table)
    for (section, key), name in _KEYS.items():
        values = ours.get(section)
        if isinstance(values, dict) and key in values:
            ours[section] = {name: values[key], **{other: values[other] for other in values if other != key}}
    return ours


def _is_yes(text: str) -> bool:
    text = text.strip().lower()
    if text and text not in (*_YES, *_NO):
        raise BadOptionError(f"{_METRICS}: Input should be true or false (got {text!r}).")
    return text in _YES
