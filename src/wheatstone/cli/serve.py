"""`wheatstone serve`: photos become splats over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from wheatstone.cli.hardware import HardwareFlags
from wheatstone.cli.parameters import Flag
from wheatstone.configuration import configure

_NAMES = {
    "cache.size": "--cache-size",
    "logging.level": "--log-level",
    "model.name": "--model",
    "redis.url": "--redis-url",
}
"""Flags that are not named as the keys of their settings."""


def serve(
    *,
    host: str | None = None,
    port: Annotated[int | None, Parameter(alias="-p")] = None,
    config: Annotated[Path | None, Parameter(alias="-c")] = None,
    output_dir: Path | None = None,
    model: str | None = None,
    accept_licence: Flag = False,
    input_size: Annotated[tuple[int, int] | None, Parameter(negative=())] = None,
    hardware: HardwareFlags | None = None,
    keep_ply: Flag = False,
    cache: Annotated[bool | None, Parameter(name="--enable-cache", negative="--no-cache")] = None,
    cache_size: int | None = None,
    clear_cache: Flag = False,
    redis_url: str | None = None,
    enable_webhook: Flag = False,
    log_level: str | None = None,
    browser: Annotated[bool | None, Parameter(negative="--no-browser")] = None,
) -> None:
    """Serve a page and an API that turn photos into splats, until Ctrl-C.

    Tasks survive: what was accepted is finished after a restart, from the stage it had reached.

    Every setting can stand in the file, and as a variable `WHEATSTONE_<SECTION>__<KEY>`; a flag beats a variable,
    a variable the file. `wheatstone config init` writes a file with all of them, `wheatstone config show` tells
    which hold and why.

    Args:
        host: Address to listen on; by default 127.0.0.1, this machine only.
        port: Port to listen on; by default 8000, 0 for a free one.
        config: Settings, YAML or JSON; by default `config.yaml`, `config.jsonc` or `config.json` here.
        output_dir: Folder for photos and results; by default `output/results`.
        model: Model for photos; by default the best one that can run here.
        accept_licence: You have read the licence of SHARP's weights (`wheatstone models list`) and accept it.
        input_size: Width and height in pixels at which `sharp` sees photos, by default 1536 1536; less is a draft.
        hardware: What networks run on, and how.
        keep_ply: Keep each splat's PLY beside its SOG.
        cache: Answer a request that equals an earlier one with its result, which is the default.
        cache_size: Results kept at most; by default 100.
        clear_cache: Begin with nothing kept.
        redis_url: Share kept results through the Redis at this address.
        enable_webhook: Deliver webhooks.
        log_level: DEBUG, INFO, WARNING, ERROR or CRITICAL; by default INFO.
        browser: Open the page in the default browser, as by default; `--no-browser` only prints the address.
    """
    settings = configure(
        config,
        {
            **(hardware or HardwareFlags()).sections,
            "server": {"host": host, "port": port},
            "storage": {"output_dir": output_dir, "keep_ply": keep_ply or None},
            "model": {"name": model},
            "inference": {"input_size": input_size},
            "checkpoints": {"accepted_licences": ("sharp",) if accept_licence else None},
            "cache": {"enabled": cache, "size": cache_size},
            "redis": {"url": redis_url, "enabled": True if redis_url else None},
            "webhook": {"enabled": enable_webhook or None},
            "logging": {"level": log_level},
            "browser": {"auto_open": browser},
        },
        flag_names=_NAMES,
    )
    from wheatstone.logs import start_logging  # a tenth of a second of imports, after mistakes are told

    start_logging(settings)
    from wheatstone.server.listener import serve as listen  # a second of imports, too

    console = Console()

    def announce(address: str) -> None:
        console.print(f"{address}  (Ctrl-C ends)", markup=False, highlight=False, soft_wrap=True)

    listen(settings, announce, browser=settings.browser.auto_open, clear_cache=clear_cache)
