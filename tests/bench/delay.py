"""A network in between: `python -m bench.delay PORT TARGET-PORT MILLISECONDS`, the time of a round trip.

All bytes arrive late by half of it, and a new connection by the whole, as with TCP.
"""

import asyncio
import sys
from contextlib import suppress

_BLOCK = 128 * 1024


class Network:
    """Forwards connections to a port of this machine."""

    def __init__(self, target: int, milliseconds: float) -> None:
        self._target = target
        self._round_trip = milliseconds / 1e3

    async def serve(self, port: int) -> None:
        """Forward until the program ends."""
        server = await asyncio.start_server(self._forward, "127.0.0.1", port, backlog=1024)
        await server.serve_forever()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(self._round_trip)
        with suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            await asyncio.gather(self._pipe(reader, far_writer), self._pipe(far_reader, writer))

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arriving: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        receiving = asyncio.create_task(self._receive(reader, arriving))
        try:
            while await _deliver(*await arriving.get(), writer):
                pass
        except OSError:
            pass
        finally:
            receiving.cancel()
            writer.close()

    async def _receive(self, reader: asyncio.StreamReader, arriving: asyncio.Queue[tuple[float, bytes]]) -> None:
        while chunk := await _read(reader):
            arriving.put_nowait((asyncio.get_running_loop().time() + self._round_trip / 2, chunk))
        arriving.put_nowait((asyncio.get_running_loop().time() + self._round_trip / 2, b""))


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Return the next bytes; none at the end, also if that is a broken connection."""
    try:
        return await reader.read(_BLOCK)
    except OSError:
        return b""


async def _deliver(at: float, chunk: bytes, writer: asyncio.StreamWriter) -> bool:
    """Write bytes at their time; return whether more can come."""
    await asyncio.sleep(max(0, at - asyncio.get_running_loop().time()))
    writer.write(chunk)
    await writer.drain()
    return bool(chunk)


def main() -> None:
    """Run it."""
    port, target, milliseconds = map(int, sys.argv[1:])
    asyncio.run(Network(target, milliseconds).serve(port))


if __name__ == "__main__":
    main()
