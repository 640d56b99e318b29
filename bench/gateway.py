"""API Gateway's `@connections` in its own process: accepts every post immediately, and prints its port."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

ACCEPTED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 0\r\nx-amzn-RequestId: 0\r\n\r\n"


async def serve() -> None:
    """Serve until the process is terminated."""
    server = await asyncio.start_server(_respond, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
            writer.write(ACCEPTED)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


@contextmanager
def gateway() -> Iterator[str]:
    """The URL of a stage."""
    process = subprocess.Popen([sys.executable, "-m", "bench.gateway"], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/live"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


if __name__ == "__main__":
    asyncio.run(serve())
