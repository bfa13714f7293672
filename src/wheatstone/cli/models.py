"""`wheatstone models`: what models there are, and their weights."""

from __future__ import annotations

from collections.abc import Callable

from cyclopts import App
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.table import Table

from wheatstone.cli.parameters import Flag
from wheatstone.cli.text import size_text
from wheatstone.models import checkpoints
from wheatstone.models.checkpoints import CHECKPOINTS, CheckpointState
from wheatstone.models.registry import mesh_models, splat_models
from wheatstone.settings import accepting, load_settings

_DEFAULT_PULL = ("u2netp",)

app = App(name="models", help="List, fetch and verify models.", help_format="markdown", help_epilogue="")


@app.command(name="list")
def list_models() -> None:
    """List the models and the checkpoints they can use, with their licences."""
    console = Console()
    settings = load_settings()
    models = Table(title="Models", title_justify="left", box=None, pad_edge=False, header_style="dim")
    for column in ("name", "what it is", "results are labelled", "licence", "checkpoints"):
        models.add_column(column)
    for info in [*(model.info for model in splat_models()), *(model.info for model in mesh_models())]:
        models.add_row(info.name, info.summary, info.label, info.licence, ", ".join(info.checkpoints))
    console.print(models)
    weights = Table(title="\nCheckpoints", title_justify="left", box=None, pad_edge=False, header_style="dim")
    for column in ("name", "what it does", "licence", "size", "here", "attribution"):
        weights.add_column(column)
    for checkpoint in CHECKPOINTS:
        here = "yes" if checkpoints.find(checkpoint.name, settings) else "no"
        size = size_text(checkpoint.size_bytes)
        weights.add_row(
            checkpoint.name, checkpoint.summary, checkpoint.licence, size, here, checkpoint.attribution
        )
    console.print(weights)


@app.command
def pull(*names: str, accept_licence: Flag = False) -> None:
    """Fetch checkpoints into the cache folder and verify them.

    Args:
        names: Which; by default the small ones that every model can use.
        accept_licence: You have read the licences of these checkpoints (`wheatstone models list`) and accept them.
    """
    settings = accepting(load_settings(), names if accept_licence else ())
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), console=console
    ) as bar:
        for name in names or _DEFAULT_PULL:
            checkpoint = checkpoints.checkpoint_named(name)
            task = bar.add_task(name, total=checkpoint.size_bytes)
            path = checkpoints.ensure(name, settings, _updater(bar, task))
            bar.update(task, completed=checkpoint.size_bytes)
            bar.console.print(f"{name}: {path}", markup=False, highlight=False, soft_wrap=True)


def _updater(bar: Progress, task: TaskID) -> Callable[[int, int], None]:
    return lambda done_bytes, all_bytes: bar.update(task, completed=done_bytes, total=all_bytes)


@app.command
def verify(*names: str) -> int:
    """Read checkpoints and compare their SHA-256; exit code 2 if one is damaged or a named one is absent.

    Args:
        names: Which; by default all that are here.
    """
    settings = load_settings()
    console = Console()
    failed = False
    for name in names or tuple(checkpoint.name for checkpoint in CHECKPOINTS):
        state = checkpoints.verify(name, settings)
        failed |= state is CheckpointState.DAMAGED or (bool(names) and state is CheckpointState.ABSENT)
        advice = {
            CheckpointState.OK: "",
            CheckpointState.DAMAGED: f": delete {checkpoints.location(name, settings)} and pull it again",
            CheckpointState.ABSENT: f": `wheatstone models pull {name}` fetches it",
        }[state]
        console.print(f"{name}: {state}{advice}", markup=False, highlight=False, soft_wrap=True)
    return 2 if failed else 0
