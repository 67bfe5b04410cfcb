"""The settings of the webhook: one receiver of events."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec

from wheelyard_server.settings.part import SettingsPart, is_plain_url
from wheelyard_server.settings.upstreams import Host
from wheelyard_server.tls import check_authorities

MAX_URL_LENGTH = 2000


class EventKind(StrEnum):
    """What an event is about. Receivers match these names, so they never change."""

    PUBLISHED = "published"
    """A file was published to this index."""
    BLOCKED = "blocked"
    """A client asked for a file or a name that a rule refuses."""
    EXCEPTION_USED = "exception.used"
    """A file was fetched that only an exception of the policy lets in."""
    EXCEPTION_ENDED = "exception.ended"
    """An exception of the policy no longer counts."""
    MALWARE_FETCHED = "malware.fetched"
    """An advisory calls a file malware that clients have fetched before."""
    DIGEST_CHANGED = "digest.changed"
    """An upstream lists other bytes for a file than before."""


class WebhookSettings(SettingsPart, frozen=True):
    """The receiver of events, which are sent by POST."""

    url: Annotated[str, msgspec.Meta(max_length=MAX_URL_LENGTH)]
    """URL of the receiver, such as https://hooks.example.com/wheelyard."""
    secret_folder: Path
    """Folder with the file `secret`, of which receivers have a copy, and during a rotation `previous`.
    It is read again when it changes."""
    events: Annotated[tuple[EventKind, ...], msgspec.Meta(min_length=1)] = tuple(EventKind)
    """The kinds of events that are sent."""
    ca_bundle: str = ""
    """Certificates (PEM) of authorities that are trusted in addition to the public ones."""
    allowed_hosts: tuple[Host, ...] = ()
    """Hosts that the receiver may be at, as in `egress.allowedHosts`; it may have a private address."""

    def __post_init__(self) -> None:
        if not is_plain_url(self.url):
            raise ValueError("`url` of `webhook` must be a URL such as https://hooks.example.com/wheelyard")
        check_authorities(self.ca_bundle)
