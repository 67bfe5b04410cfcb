"""What can be wrong with an answer of an upstream, on request of a test."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass
class Fault:
    """Changes the answers to some requests. Counts of bytes are those of the body."""

    status: int = 0
    """Answer with this status and `body` instead; 0: with the right answer."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Added to those of the answer, or in place of them; an empty value removes one."""
    body: bytes | None = None
    delay: float = 0
    """Seconds before the first byte."""
    closes: bool = False
    """Close the connection instead of an answer."""
    cuts_at: int | None = None
    """Close the connection after so many bytes, which are fewer than Content-Length says."""
    stalls_at: int | None = None
    """Send nothing more after so many bytes, until the faults are healed."""
    slowness: float = 0
    """Seconds of rest after each 64 KiB."""
    change: Callable[[bytes], bytes] | None = None
    """Returns other bytes for the body."""
    times: int | None = None
    """How many requests it hits; None: all."""
    path: str = ""
    """Regular expression that the beginning of `GET /path?query` must match."""
    hits: int = 0
    """How many requests it has hit."""

    def takes(self, request: str) -> bool:
        """Return whether it hits this request, and count that."""
        if not re.match(self.path, request) or (self.times is not None and self.hits >= self.times):
            return False
        self.hits += 1
        return True


def refuses(status: int, body: bytes = b"", **headers: str) -> Fault:
    """Answer with a status; `Retry_After="7"` is a header."""
    return Fault(status=status, body=body, headers={name.replace("_", "-"): each for name, each in headers.items()})


def redirects(location: str, status: int = 302) -> Fault:
    """Redirect to a URL."""
    return refuses(status, Location=location)


def last_byte_changed(body: bytes) -> bytes:
    """Return bytes of the same length that differ at their very end."""
    return body[:-1] + bytes([body[-1] ^ 1])


def wrong_last_byte() -> Fault:
    """Send a body that is wrong at its last byte."""
    return Fault(change=last_byte_changed)


def shortened(count: int = 1) -> Fault:
    """Leave out the last bytes, and say so in Content-Length: nothing of HTTP is wrong."""
    return Fault(change=lambda body: body[:-count])


def other_type(content_type: str) -> Fault:
    """Give the right body another content type; "": none."""
    return Fault(headers={"Content-Type": content_type})


def page(body: bytes, content_type: str) -> Fault:
    """Answer with another page, such as a huge one."""
    return Fault(status=200, body=body, headers={"Content-Type": content_type})
