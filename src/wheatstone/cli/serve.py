"""`wheatstone serve`: photos become splats over HTTP."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from wheatstone.cli.parameters import Flag
from wheatstone.configuration import configure


def serve(
    *,
    host: str | None = None,
    port: int | None = None,
    config: Path | None = None,
    output_dir: Path | None = None,
    model: str | None = None,
    accept_licence: Flag = False,
    input_size: tuple[int, int] | None = None,
    keep_ply: Flag = False,
    log_level: str | None = None,
    browser: Annotated[bool, Parameter(negative="--no-browser", show_default=False)] = True,
) -> None:
    """Serve a page and an API that turn photos into splats, until Ctrl-C.

    Tasks survive: what was accepted is finished after a restart, from the stage it had reached.

    Every setting can stand in the file, and as a variable `WHEATSTONE_<SECTION>__<KEY>`; a flag beats a variable,
    a variable the file. All settings: `config.template.jsonc`, and the page on settings in the documentation.

    Args:
        host: Address to listen on; by default 127.0.0.1, this machine only.
        port: Port to listen on; by default 8000, 0 for a free one.
        config: Settings, JSON with comments; by default `config.jsonc` or `config.json` here.
        output_dir: Folder for photos and results; by default `output/results`.
        model: Model for photos; by default the best one that can run here.
        accept_licence: You have read the licence of SHARP's weights (`wheatstone models list`) and accept it.
        input_size: Width and height in pixels at which `sharp` sees photos, by default 1536 1536; less is a draft.
        keep_ply: Keep each splat's PLY beside its SOG.
        log_level: DEBUG, INFO, WARNING, ERROR or CRITICAL; by default INFO.
        browser: Open the page in the default browser; `--no-browser` only prints the address.
    """
    settings = configure(
        config,
        {
            "server": {"host": host, "port": port, "log_level": log_level and log_level.upper()},
            "storage": {"output_dir": output_dir, "keep_ply": keep_ply or None},
            "model": {"name": model},
            "inference": {"input_size": input_size},
            "checkpoints": {"accepted_licences": ("sharp",) if accept_licence else None},
        },
    )
    _log_with_times(settings.server.log_level)
    from wheatstone.server.listener import serve as listen  # a second of imports, after mistakes are told

    console = Console()

    def announce(address: str) -> None:
        console.print(f"{address}  (Ctrl-C ends)", markup=False, highlight=False, soft_wrap=True)

    listen(settings, announce, browser=browser)


def _log_with_times(level: str) -> None:
    """What a server says is read later: each line begins with when it was said."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log = logging.getLogger("wheatstone")
    log.setLevel(level)
    log.handlers = [handler]
    errors = logging.getLogger("uvicorn.error")
    errors.setLevel(logging.WARNING)
    errors.handlers = [handler]
