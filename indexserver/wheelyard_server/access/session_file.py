"""The sessions file, parsed: see docs/contract.md. Unknown keys are refused.

It is a file of its own: an older server would refuse a new key of the access file, and with it
every change of a user (ADR 50).
"""

from datetime import UTC, datetime
from typing import Annotated

import msgspec

from wheelyard_server.access.access_file import MintingKey
from wheelyard_server.access.open_id_provider import OpenIdProvider
from wheelyard_server.settings import decode_yaml

MAX_KEYS = 16


class Moment(datetime):
    """A moment with an offset from UTC (RFC 3339)."""

    @classmethod
    def parse(cls, value: object) -> "Moment":
        """Make it of a text or of a time of YAML; raise ValueError."""
        moment = cls.fromisoformat(str(value))
        if moment.tzinfo is None:
            raise ValueError(f"the moment {value} needs an offset from UTC, such as Z")
        return moment.astimezone(UTC)


class SessionFile(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The whole sessions file."""

    keys: Annotated[tuple[MintingKey, ...], msgspec.Meta(max_length=MAX_KEYS)] = ()
    """Keys of sessions: the first signs, all verify. Without one, pages have no logins."""
    not_before: Moment | None = None
    """No session that began before this moment counts."""
    oidc: OpenIdProvider | None = None
    """The provider of single sign-on."""


def parse(text: bytes) -> SessionFile:
    """Parse a sessions file; raise an `InvalidSettingsError` that names the key."""
    return decode_yaml(text, SessionFile, "sessions.yaml")
