"""The events that maintenance reports while it works."""

from collections.abc import Callable
from typing import ClassVar

import msgspec


class Event(msgspec.Struct, frozen=True, tag_field="event", tag=str.lower):
    """The base of all events."""

    is_problem: ClassVar[bool] = False

    @property
    def text(self) -> str:
        """Return the event as text for people."""
        return ""


Report = Callable[[Event], None]


class Visited(Event, frozen=True):
    """A project was processed."""

    project: str


class Finding(Event, frozen=True):
    """A problem that a person should look at."""

    is_problem: ClassVar[bool] = True
    key: str
    problem: str

    @property
    def text(self) -> str:
        """Return the event as text for people."""
        return f"{self.key}: {self.problem}"


class Marked(Event, frozen=True):
    """A file breaks a rule, although it was accepted. It is unchanged since it was published."""

    key: str
    rule: str
    message: str

    @property
    def text(self) -> str:
        """Return the event as text for people."""
        return f"{self.key}: {self.rule}: {self.message}"


class Unreferenced(Event, frozen=True):
    """An object that no document names: a leftover of a crash or a deletion, for garbage collection."""

    key: str
    bytes: int


class Foreign(Event, frozen=True):
    """An object that does not belong to Wheelyard. It is left unchanged."""

    key: str

    @property
    def text(self) -> str:
        """Return the event as text for people."""
        return f"{self.key} does not belong to Wheelyard and is left unchanged"


class Removed(Event, frozen=True):
    """The objects of an unreferenced upload were removed, or would be in a dry run."""

    project: str
    upload_id: str
    keys: tuple[str, ...]
    bytes: int

    @property
    def text(self) -> str:
        """Return the event as text for people."""
        return f"{self.keys[0]} ({self.bytes} bytes)"


class Forgotten(Event, frozen=True):
    """Bytes of an upstream that no document names were removed, or would be in a dry run."""

    key: str
    bytes: int

    @property
    def text(self) -> str:
        """Return the event as text for people."""
        return f"{self.key} ({self.bytes} bytes)"


class Proved(Event, frozen=True):
    """The storage's conditional writes were proved atomic."""

    endpoint: str
    product: str

    @property
    def text(self) -> str:
        """Return the event as text for people."""
        return f"the conditional writes of {self.endpoint or 'this folder'} are atomic {self.product}".rstrip()


class Copied(Event, frozen=True):
    """Files of a project were copied to the target."""

    project: str
    files: int
    bytes: int

    @property
    def text(self) -> str:
        """Return the event as text for people."""
        return f"{self.project}: {self.files} files, {self.bytes} bytes"


class CopiedFetches(Event, frozen=True):
    """The fetches of a day were copied to the target."""

    day: str
    """In UTC, such as 2026-11-30."""

    @property
    def text(self) -> str:
        """Return the event as text for people."""
        return f"the fetches of {self.day}"


class CopiedAdvisories(Event, frozen=True):
    """The advisories in force were copied to the target."""

    records: int

    @property
    def text(self) -> str:
        """Return the event as text for people."""
        return f"{self.records} advisories"


class Assigned(Event, frozen=True):
    """A storage has a new owner."""

    to: str
    before: str | None
    """The previous owner; None if there was none."""

    @property
    def text(self) -> str:
        """Return the event as text for people."""
        return self.to if self.before in {None, self.to} else f"{self.to}, taken from {self.before}"
