"""The child process that compresses: `python -m wheatstone.pipelines.compression_child`."""

from __future__ import annotations

from wheatstone.executors.serving import serve
from wheatstone.pipelines.compression import compress

if __name__ == "__main__":
    serve(lambda _settings: {"compress": lambda arguments, stages, _announce: compress(arguments, stages)})
