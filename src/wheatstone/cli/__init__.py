"""The `wheatstone` command: one module a command, imported only when it runs."""

from __future__ import annotations

import atexit
import functools
import gc
import io
import logging
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from cyclopts import App, CycloptsError, Group

from wheatstone.errors import WheatstoneError
from wheatstone.version import VERSION

if TYPE_CHECKING:
    from rich.console import Console

_EPILOGUE = """First time here? Try: **wheatstone splat photo.jpg -o out --poster**

Then **wheatstone view out/photo.sog**, or look at the poster `out/photo.webp`."""

app = App(
    name="wheatstone",
    help="Turn pictures into things you can walk around, on your own machine.",
    help_format="markdown",
    help_epilogue=_EPILOGUE,
    version=VERSION,
)
_MAKE = Group("Make", sort_key=1)
_LOOK = Group("Look and convert", sort_key=2)
_MANAGE = Group("This installation", sort_key=3)
app["--help"].group = app["--version"].group = Group("Options", sort_key=4)
for _name, _group, _help in (
    ("splat", _MAKE, "Turn photos into 3D Gaussian splats."),
    ("mesh", _MAKE, "Turn photos of objects into textured meshes."),
    ("serve", _MAKE, "Serve a page and an API that turn photos into splats."),
    ("view", _LOOK, "Show a splat file in the browser."),
    ("info", _LOOK, "Tell what a splat, a mesh or a photo holds."),
    ("render", _LOOK, "Render a picture or a clip of a splat or a mesh."),
    ("convert", _LOOK, "Convert between formats of splats, or of meshes."),
    ("doctor", _MANAGE, "Check what is installed and what is missing."),
):
    app.command(f"wheatstone.cli.{_name}:{_name}", help=_help, group=_group, help_epilogue="")
app.command("wheatstone.cli.models:app", name="models", help="List, fetch and verify models.", group=_MANAGE)
app.command(
    "wheatstone.cli.callbacks:app", name="callbacks", help="List and replay what was not delivered.", group=_MANAGE
)
app.command("wheatstone.cli.config:app", name="config", help="Show and change settings.", group=_MANAGE)


class _ToErrors(logging.Handler):
    """Log lines as a person reads them, above a progress bar if one is running."""

    def emit(self, record: logging.LogRecord) -> None:
        _say("[yellow]warning:[/] " if record.levelno >= logging.WARNING else "", record.getMessage())


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line: exit code 0, or 2 with one clear message when the input is to blame.

    Args:
        arguments: what follows the command's name; by default those of this process.
    """
    gc.set_threshold(100_000)  # what imports make stays; looking for garbage in it takes a tenth of the start
    atexit.register(gc.freeze)  # and a third of a second at the end
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its threads spin while idle, and sums depend on them
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as standard error: names of files may hold any bytes
    log = logging.getLogger("wheatstone")
    log.setLevel(logging.INFO)
    log.handlers = [_ToErrors()]
    try:
        code = app(
            sys.argv[1:] if arguments is None else arguments,
            exit_on_error=False,
            print_error=True,
            result_action="return_value",
        )
    except CycloptsError:
        sys.exit(2)
    except WheatstoneError as error:
        _say("[bold red]error:[/] ", str(error))
        sys.exit(2)
    except KeyboardInterrupt:
        _say("", "interrupted")
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(141)
    except OSError as error:
        from wheatstone.cli.text import error_text

        _say("[bold red]error:[/] ", error_text(error))
        sys.exit(2)
    sys.exit(code if isinstance(code, int) else 0)


def _say(kind: str, text: str) -> None:
    """Print a line on standard error; `kind` may hold markup, `text` is shown as it is."""
    from rich.markup import escape

    _errors().print(f"{kind}{escape(text)}", soft_wrap=True, highlight=False)


@functools.cache
def _errors() -> Console:
    from rich.console import Console  # takes a tenth of a start, and most runs have nothing to complain about

    return Console(stderr=True)
