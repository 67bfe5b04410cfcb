"""The base of every part of `index.yaml`, and the checks that several parts share."""

from typing import Annotated, Protocol, Self, runtime_checkable
from urllib.parse import urlsplit

import msgspec

MIB = 1024**2
GIB = 1024**3

DIGEST = r"^[0-9a-f]{64}\Z"
DURATION = r"^(0|[1-9][0-9]{0,6})([smhd])\Z"

MAX_STARS = 8
MAX_GLOB_LENGTH = 128

Glob = Annotated[str, msgspec.Meta(pattern=rf"^[^*]*(?:\*[^*]*){{0,{MAX_STARS}}}$", max_length=MAX_GLOB_LENGTH)]
"""A glob for normalized names, with the bounds of the CRDs."""


class SettingsPart(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A mapping in `index.yaml`. Its keys are the names of the fields in camel case."""


@runtime_checkable
class Scalar(Protocol):
    """A type that YAML does not know, made of a scalar."""

    @classmethod
    def parse(cls, value: object) -> Self:
        """Make it of the scalar; raise ValueError."""
        ...


def is_plain_url(url: str) -> bool:
    """Return whether this is the URL of a server, with at most a path."""
    try:
        parts = urlsplit(url)
        has_server = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return has_server and parts.scheme in {"http", "https"} and not set("@?#") & set(url)
