"""Fake connections for the fast lane."""

from collections.abc import Callable
from io import FileIO

from wheelyard_server.settings import Listener


class Noted:
    """A connection that notes what it is sent."""

    def __init__(self, listener: Listener = Listener.CLUSTER) -> None:
        self.listener = listener
        self.path = ""
        self.sent: list[bytes] = []

    def sender(self, forwarded_for: str) -> str:
        return forwarded_for or "127.0.0.1"

    def send(self, head: bytes, body: bytes = b"", sender: str = "") -> None:  # noqa: ARG002
        self.sent.append(head + body)

    async def send_file(self, head: bytes, file: FileIO, size: int, began: Callable[[], None]) -> int:
        raise AssertionError(head, file, size, began)

    def pass_on(self, data: bytes) -> None:
        raise AssertionError(data)

    def cut(self, reason: str) -> None:
        raise AssertionError(reason)
