"""`wheatstone callbacks`: what a server could not deliver, and another try."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from wheatstone.cli.remote import client_of
from wheatstone.errors import BadOptionError

_SERVER = "http://127.0.0.1:8000"

app = App(
    name="callbacks", help="List and replay what was not delivered.", help_format="markdown", help_epilogue=""
)


@app.command(name="list")
def list_callbacks(*, server: str = _SERVER) -> None:
    """List the callbacks and webhooks that are not delivered: those on their way, and those given up (dead).

    Args:
        server: Address of the server that has them.
    """
    with client_of(server) as client:
        found = client.deliveries("waiting", "pending", "dead")
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("id", no_wrap=True)  # to be copied
    for column in ("what", "job", "receiver", "status", "attempts", "error"):
        table.add_column(column, overflow="fold")
    for delivery in found:
        what = f"{delivery.kind} {delivery.event}"
        row = (delivery.id, what, delivery.job_id, delivery.receiver, delivery.status, str(delivery.attempts))
        table.add_row(*map(escape, (*row, delivery.error or "")))
    Console().print(table if found else "Everything is delivered.")


@app.command
def replay(
    *ids: str,
    every: Annotated[bool, Parameter(name="--all", negative=(), show_default=False)] = False,
    server: str = _SERVER,
) -> None:
    """Begin anew with callbacks and webhooks that were given up; others stay as they are.

    Args:
        ids: Which, as `wheatstone callbacks list` names them.
        every: All that were given up.
        server: Address of the server that has them.
    """
    if bool(ids) == every:
        raise BadOptionError("Name the callbacks to replay, or give --all.")
    console = Console()
    with client_of(server) as client:
        if every:
            console.print(f"{client.replay_all()} begin anew")
        for delivery_id in ids:
            delivery = client.replay(delivery_id)
            console.print(f"{delivery.id}: {delivery.status}", markup=False, highlight=False, soft_wrap=True)
