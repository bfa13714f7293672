"""As little of a server as can be: tells `queued` to each stream, and `completed` once a number of them is open.

How late that arrives is what the client, the system and Python's sockets cost by themselves.
`python -m bench.peers.broadcast STREAMS` prints its address.
"""

from __future__ import annotations

import asyncio
import sys

_SETTLE_S = 0.5


async def _serve(streams: int) -> None:
    everyone = asyncio.Barrier(streams)

    async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\n\r\ndata: {"status": "queued"}\n\n')
        await everyone.wait()
        await asyncio.sleep(_SETTLE_S)
        writer.write(b'data: {"status": "completed"}\n\n')
        writer.close()

    server = await asyncio.start_server(tell, "127.0.0.1", 0, backlog=2048)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
