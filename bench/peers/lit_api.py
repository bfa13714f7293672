"""A photo to a PLY while the client waits, in LitServe, as a peer for `/v1/predict`.

One inference process with the model, ZeroMQ between it and the HTTP server, as LitServe advises for speed. Nothing
outlives it: a request that is under way when it ends is lost, no task can be asked for later, no result is kept.

`python -m bench.peers.lit_api FOLDER MODEL` prints its address once it answers.
"""

# No annotations of the future here: LitServe looks at those of `PhotoToSplat`.

import socket
import sys
import threading
import time
import uuid
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import litserve
from fastapi import Request

from wheatstone.executors import InlineExecutor
from wheatstone.pictures import Photo
from wheatstone.settings import load_settings
from wheatstone.stages import Stages

_LOOK_S = 0.1


class PhotoToSplat(litserve.LitAPI):
    """Takes a form with a photo, writes a PLY and says where."""

    def __init__(self, folder: Path, model: str) -> None:
        super().__init__(api_path="/v1/predict")
        self._folder, self._model = folder, model

    def setup(self, device: str) -> None:
        """Prepare, in the inference process."""
        del device
        self._executor = InlineExecutor(load_settings())

    def decode_request(self, request: Request) -> Photo:
        """The photo of a form, which is what LitServe gives for a request that has one."""
        return Photo(request["file"].file.read())

    def predict(self, photo: Photo) -> dict[str, Any]:
        """Photo to PLY."""
        began_s, task_id, stages = time.time(), str(uuid.uuid4()), Stages()
        scene = self._executor.predict_splat(self._model, photo, stages)
        path = scene.save(self._folder / f"{task_id}.ply")
        return {"url": path.as_uri(), "task_id": task_id, "processing_time": time.time() - began_s}

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        """What the client gets."""
        return {"status": "success", **output}


def _announce(port: int) -> None:
    while True:
        connection = HTTPConnection("127.0.0.1", port)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == HTTPStatus.OK:
                print(f"http://127.0.0.1:{port}", flush=True)
                return
        except ConnectionError:  # it is not there yet
            continue
        finally:
            connection.close()
            time.sleep(_LOOK_S)


def main(folder: str, model: str) -> None:
    """Serve on a free port of the loopback address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    threading.Thread(target=_announce, args=[port], daemon=True).start()
    server = litserve.LitServer(
        PhotoToSplat(Path(folder), model), accelerator="cpu", workers_per_device=1, fast_queue=True, timeout=False
    )
    server.run(host="127.0.0.1", port=port, log_level="warning", generate_client_file=False, access_log=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
