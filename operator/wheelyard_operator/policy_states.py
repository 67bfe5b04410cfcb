"""What index servers say about their policy file, advisories, quarantine and events, as values."""

from typing import NamedTuple


class FileState(NamedTuple):
    """The policy file or the sessions file that a server uses."""

    revision: str
    """SHA-256 of the file in force, "" if there is none."""
    is_usable: bool
    """False if the mounted file was refused: then an earlier one is in force."""
    error: str
    """Why it was refused."""


class AdvisoriesState(NamedTuple):
    """The advisories that a server knows."""

    feed: str
    """The source: osv, url or file; "" without a feed."""
    records: int
    is_late: bool
    is_lost: bool
    """Whether the server cannot read what the storage has."""
    failure: str
    """Why the feed cannot be read, "" if it can."""
    waiting: str
    """Why newer ones wait for a person, "" if none wait."""


class QuarantineState(NamedTuple):
    """The releases and files that are quarantined by hand."""

    entries: int
    first: tuple[str, ...]
    """The first entries, each as a short text."""


class PolicyAnswer(NamedTuple):
    """What an index server says about its policy."""

    file: FileState
    advisories: AdvisoriesState | None
    """None if the server does not say."""
    quarantine: QuarantineState


class EventsAnswer(NamedTuple):
    """What an index server says about the events for its webhook."""

    failing: str
    """Why the last attempt failed, as a sentence; "" if it did not."""
    since: float
    """When the first attempt failed after the last success, in seconds since 1970; 0 if none did."""
