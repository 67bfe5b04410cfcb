"""What maintenance has to tell, as it happens."""

from collections.abc import Callable
from typing import ClassVar

import msgspec


class Event(msgspec.Struct, frozen=True, tag_field="event", tag=str.lower):
    """The base of all events."""

    is_problem: ClassVar[bool] = False

    @property
    def text(self) -> str:
        """What a person reads."""
        return ""


Report = Callable[[Event], None]


class Visited(Event, frozen=True):
    """A project has been worked on."""

    project: str


class Finding(Event, frozen=True):
    """Something is not as it must be."""

    is_problem: ClassVar[bool] = True
    key: str
    problem: str

    @property
    def text(self) -> str:
        """What a person reads."""
        return f"{self.key}: {self.problem}"


class Marked(Event, frozen=True):
    """A file breaks a rule and was taken all the same. It is as it was published."""

    key: str
    rule: str
    message: str

    @property
    def text(self) -> str:
        """What a person reads."""
        return f"{self.key}: {self.rule}: {self.message}"


class Unreferenced(Event, frozen=True):
    """An object that no document names: what a crash or a deletion left, for the garbage collection."""

    key: str
    bytes: int


class Foreign(Event, frozen=True):
    """An object that is not Wheelyard's. It is left as it is."""

    key: str

    @property
    def text(self) -> str:
        """What a person reads."""
        return f"{self.key} is not Wheelyard's and is left as it is"


class Removed(Event, frozen=True):
    """The objects of an upload that nothing refers to were removed, or would be."""

    project: str
    upload_id: str
    keys: tuple[str, ...]
    bytes: int

    @property
    def text(self) -> str:
        """What a person reads."""
        return f"{self.keys[0]} ({self.bytes} bytes)"


class Proved(Event, frozen=True):
    """Conditional writes are atomic here."""

    endpoint: str
    product: str

    @property
    def text(self) -> str:
        """What a person reads."""
        return f"the conditional writes of {self.endpoint or 'this folder'} are atomic {self.product}".rstrip()


class Copied(Event, frozen=True):
    """A project was brought up to date in the target."""

    project: str
    files: int
    bytes: int

    @property
    def text(self) -> str:
        """What a person reads."""
        return f"{self.project}: {self.files} files, {self.bytes} bytes"


class Assigned(Event, frozen=True):
    """A storage belongs to an index from now on."""

    to: str
    before: str | None
    """The index that had it; None if there was none."""

    @property
    def text(self) -> str:
        """What a person reads."""
        return self.to if self.before in {None, self.to} else f"{self.to}, taken from {self.before}"
