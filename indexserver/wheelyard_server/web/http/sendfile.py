"""`sendfile` on a connection, on any event loop: uvloop does not have it.

The kernel moves the bytes from the disk's cache to the socket; no Python object ever holds them.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO

AT_ONCE = 1024 * 1024
"""Bytes that are sent before other connections have their turn."""
CHECK_SECONDS = 1.0
"""How often to check whether the transport has closed, which the descriptor does not show."""


@contextmanager
def full_packets(transport: asyncio.WriteTransport) -> Iterator[None]:
    """Have the kernel send full packets only, for as long as the block runs (TCP_CORK).

    Otherwise each acknowledgement during a `sendfile` sends the bytes so far, and the many small
    packets are what costs the receiver most.
    """
    _socket(transport).setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    try:
        yield
    finally:
        # A closed one has sent everything, and its descriptor may belong to another connection.
        if not transport.is_closing():
            _socket(transport).setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)


async def sendfile(
    transport: asyncio.WriteTransport, file: FileIO, start: int, end: int, began: Callable[[], None]
) -> int:
    """Send a file's bytes after everything that was written to the transport; return how many there were.

    `began` is called once, after the first of them. Raises `ConnectionError` if the client has
    gone.
    """
    # A duplicate: the event loop lets no other code watch the transport's descriptor. Closing the
    # duplicate leaves the connection open.
    descriptor = os.dup(_socket(transport).fileno())
    try:
        await _wait_until_flushed(transport, descriptor)
        position = start
        while position < end:
            if transport.is_closing():
                raise ConnectionResetError
            try:
                sent = os.sendfile(descriptor, file.fileno(), position, min(end - position, AT_ONCE))
            except BlockingIOError:
                await _wait_until_writable(descriptor)
                continue
            if sent == 0:
                break
            if position == start:
                began()
            position += sent
            await asyncio.sleep(0)
        return position - start
    finally:
        os.close(descriptor)


def _socket(transport: asyncio.WriteTransport) -> socket.socket:
    found: socket.socket = transport.get_extra_info("socket")
    return found


async def _wait_until_flushed(transport: asyncio.WriteTransport, descriptor: int) -> None:
    """Wait until the transport has handed everything to the kernel."""
    while transport.get_write_buffer_size():
        if transport.is_closing():
            raise ConnectionResetError
        await asyncio.sleep(0)
        if transport.get_write_buffer_size():
            await _wait_until_writable(descriptor)


async def _wait_until_writable(descriptor: int) -> None:
    """Wait until the kernel takes more, but not for long."""
    loop = asyncio.get_running_loop()
    writable = asyncio.Event()
    loop.add_writer(descriptor, writable.set)
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(CHECK_SECONDS):
                await writable.wait()
    finally:
        loop.remove_writer(descriptor)
