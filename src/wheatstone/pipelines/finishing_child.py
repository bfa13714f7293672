"""The child process that finishes what models made: `python -m wheatstone.pipelines.finishing_child`."""

from __future__ import annotations

from wheatstone.executors.serving import serve
from wheatstone.pipelines.compression import compress
from wheatstone.pipelines.mesh_poster import draw_mesh

if __name__ == "__main__":
    serve(
        lambda _settings: {
            "compress": lambda arguments, stages, _announce: compress(arguments, stages),
            "draw_mesh": lambda arguments, stages, _announce: draw_mesh(arguments, stages),
        }
    )
