"""`sendfile` on a connection, whichever event loop runs: uvloop has none of its own.

The kernel moves the bytes from the disk's cache to the socket; no Python object ever holds them.
"""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO

AT_ONCE = 1024 * 1024
"""Bytes until other connections have their turn."""
LOOK_SECONDS = 1.0
"""Until it is looked whether the transport has closed, which the descriptor does not tell."""


@contextmanager
def full_packets(transport: asyncio.WriteTransport) -> Iterator[None]:
    """Have the kernel wait for more where a packet is not full, until the end of this.

    Without it, each acknowledgement that comes in the midst of a `sendfile` sends what there is so far, and the
    many small packets cost the receiver more than all else.
    """
    _socket(transport).setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    try:
        yield
    finally:
        # One that is closed has sent everything, and its descriptor may be another's.
        if not transport.is_closing():
            _socket(transport).setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)


async def sendfile(transport: asyncio.WriteTransport, file: FileIO, start: int, end: int) -> int:
    """Send a file's bytes after all that was written to the transport before; return how many there were to send.

    Raises `ConnectionError` when the client has gone.
    """
    # Of its own: the loop does not let anybody watch the transport's descriptor. Closed with the last bytes, it
    # leaves the connection as it is.
    descriptor = os.dup(_socket(transport).fileno())
    try:
        await _flushed(transport, descriptor)
        position = start
        while position < end:
            if transport.is_closing():
                raise ConnectionResetError
            try:
                sent = os.sendfile(descriptor, file.fileno(), position, min(end - position, AT_ONCE))
            except BlockingIOError:
                await _writable(descriptor)
                continue
            if sent == 0:
                break
            position += sent
            await asyncio.sleep(0)
        return position - start
    finally:
        os.close(descriptor)


def _socket(transport: asyncio.WriteTransport) -> socket.socket:
    found: socket.socket = transport.get_extra_info("socket")
    return found


async def _flushed(transport: asyncio.WriteTransport, descriptor: int) -> None:
    """Wait until the transport has given everything to the kernel."""
    while transport.get_write_buffer_size():
        if transport.is_closing():
            raise ConnectionResetError
        await asyncio.sleep(0)
        if transport.get_write_buffer_size():
            await _writable(descriptor)


async def _writable(descriptor: int) -> None:
    """Wait until the kernel takes more, or a while."""
    loop = asyncio.get_running_loop()
    writable = asyncio.Event()
    loop.add_writer(descriptor, writable.set)
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await writable.wait()
    finally:
        loop.remove_writer(descriptor)
