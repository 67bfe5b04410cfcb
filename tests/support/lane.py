"""Connections for the fast lane that are none."""

from io import FileIO


class Noted:
    """A connection that notes what it is sent."""

    def __init__(self, *, is_outside: bool = False) -> None:
        self.is_outside = is_outside
        self.sent: list[bytes] = []

    def sender(self, forwarded: str) -> str:
        return forwarded or "127.0.0.1"

    def send(self, head: bytes, body: bytes = b"", sender: str = "") -> None:  # noqa: ARG002
        self.sent.append(head + body)

    async def send_file(self, head: bytes, file: FileIO, size: int) -> int:
        raise AssertionError(head, file, size)

    def pass_on(self, data: bytes) -> None:
        raise AssertionError(data)

    def cut(self, reason: str) -> None:
        raise AssertionError(reason)
