"""`wheatstone callbacks` against a real server."""

from __future__ import annotations

from pathlib import Path

from tests.cli.command import Command
from tests.delivery.receiver import receiving
from tests.live import running_server
from tests.server.test_deliveries import SETTINGS, given_up
from tests.servers import sends


def test_the_command_lists_and_replays(tmp_path: Path, command: Command) -> None:
    with receiving(sends(b"", 410)) as receiver, running_server(tmp_path, **SETTINGS) as server:
        result = command("callbacks", "list", "--server", server.url)
        assert (result.code, result.out) == (0, "Everything is delivered.\n")
        dead = given_up(server, receiver)
        listed = command("callbacks", "list", "--server", server.url)
        assert dead.id in listed.out
        assert "dead" in listed.out
        replayed = command("callbacks", "replay", dead.id, "--server", server.url)
        assert replayed.code == 0
        assert replayed.out.startswith(f"{dead.id}: ")
        assert command("callbacks", "replay", "--all", "--server", server.url).code == 0
        for arguments in ((), ("--all", dead.id)):
            refused = command("callbacks", "replay", *arguments, "--server", server.url)
            assert refused.code == 2
            assert "--all" in refused.err
