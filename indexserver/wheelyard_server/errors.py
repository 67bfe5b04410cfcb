"""The errors of the index server, worded for the person who sees them.

Every error that the server raises on purpose is one of these. They know nothing of HTTP:
`web/error_statuses.py` is the one place that maps each to a status. The text of an error that
reaches a client becomes the reason phrase, which twine and poetry show.
"""

from datetime import datetime
from typing import NamedTuple


class WheelyardError(Exception):
    """The base of all errors of the index server."""


class InvalidSettingsError(WheelyardError):
    """A settings file, access file or argument is invalid; the text names it."""


class UnsafeInterpreterError(WheelyardError):
    """This Python parses requests in a way that is known to be unsafe; the text says what to change."""


class LoopEndedError(WheelyardError):
    """A background loop has ended, so the process must end too, to be restarted from outside."""


class BusyError(WheelyardError):
    """The server cannot take this now, but soon will."""


class NotFoundError(WheelyardError):
    """The requested object does not exist, or the principal may not know of it."""


class LoginError(WheelyardError):
    """The base of all reasons why a login fails."""

    tried = "none"
    """How the client tried to log in, if known: see `access.rules.Method`."""
    presented_user = ""
    """The user name that the client sent."""


class UnauthenticatedError(LoginError):
    """The credentials are missing or invalid."""


class SessionOverError(UnauthenticatedError):
    """The session of a page is over; the provider that began it may renew it."""

    def __init__(self) -> None:
        super().__init__("Your session has ended. Log in again")


class TooManyAttemptsError(LoginError):
    """A client guesses passwords, or keeps sending an old one."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many wrong passwords, try again in {seconds} seconds; tokens always work")
        self.seconds = seconds


class InvalidPublisherError(WheelyardError):
    """A CI token cannot be exchanged for a token of this index; the text says what to change."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code


class SignOnError(WheelyardError):
    """A login with the provider of single sign-on cannot go on; the text says what to do."""


class LoginNeededError(SignOnError):
    """A session cannot be renewed without a page of the provider."""

    def __init__(self) -> None:
        super().__init__("Your session has ended. Log in again")


class ProviderError(WheelyardError):
    """The provider of single sign-on gives no usable answer."""

    def __init__(self, reason: str) -> None:
        """`reason` continues "The provider ..."."""
        super().__init__(
            f"The provider of single sign-on {reason}. Try again in a moment, or log in with a token or a password"
        )
        self.reason = reason


class ForbiddenError(WheelyardError):
    """The principal is known but may not do this."""


class InvalidRequestError(WheelyardError):
    """A request to the management API is invalid; the text says what to change."""


class InvalidUploadError(WheelyardError):
    """The upload is invalid as it is; the text says what to change."""


class RegistrationError(WheelyardError):
    """The client wants to register a project before its first upload, as PyPI once required."""

    def __init__(self) -> None:
        super().__init__("Registration is not needed: the first upload creates the project")


class FileTooLargeError(WheelyardError):
    """The upload is larger than the index allows."""


class FileExistsWithOtherContentError(WheelyardError):
    """The distribution exists with other bytes. Its content never changes, in any spelling of its filename."""

    def __init__(self, filename: str, existing: str) -> None:
        # pdm, poetry and uv search for the first three words.
        super().__init__(f"File already exists with other content, raise the version: {_both(filename, existing)}")


class FilenameDeletedError(WheelyardError):
    """The distribution was deleted. It may return only with the same bytes, in any spelling of its filename."""

    def __init__(self, filename: str, deleted: str) -> None:
        # Not "already exists": clients that skip existing files would hide that nothing was
        # published.
        super().__init__(
            f"A deleted file had this name and other content, raise the version: {_both(filename, deleted)}"
        )


def _both(filename: str, known: str) -> str:
    return filename if filename == known else f"{filename} is the same distribution as {known}"


class ProjectClosedError(WheelyardError):
    """The project's status (PEP 792) or owner does not allow this."""


class NameOwnedError(WheelyardError):
    """The name belongs to an upstream, or to this index, so that what was asked for would mix two owners."""


class Refusal(NamedTuple):
    """The object and the rule of a refusal, for programs."""

    project: str
    """Normalized name."""
    rule: str
    filename: str = ""
    """Empty if the whole name is refused."""
    version: str = ""
    sha256: str = ""
    until: datetime | None = None
    """When it ends without anyone's doing, in UTC; None if never."""
    advisories: tuple[str, ...] = ()
    """Ids of the advisories that it is based on."""


class RefusedFileError(WheelyardError):
    """A policy refuses the file or its name; the text says which rule, and what would change that."""

    def __init__(self, sentence: str, refusal: Refusal) -> None:
        super().__init__(sentence)
        self.refusal = refusal


class TooManyNewNamesError(WheelyardError):
    """A client asks for more names that no upstream is known to have than it may."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many projects that no upstream is known to have: try again in {seconds} seconds")
        self.seconds = seconds


class RefreshedLatelyError(WheelyardError):
    """An upstream was asked for a page so lately that it is not asked again on demand."""

    def __init__(self, project: str, seconds: int) -> None:
        super().__init__(
            f"Nothing was asked: this server asked the upstream for {project} less than a minute ago."
            f" Refresh it again in {seconds} seconds"
        )
        self.seconds = seconds


class UpstreamError(WheelyardError):
    """The base of all failures of an upstream. None of them means that something does not exist."""

    def __init__(self, upstream: str, reason: str) -> None:
        super().__init__(f"The upstream {upstream} {reason}")
        self.upstream = upstream
        self.reason = reason
        """Continues "The upstream NAME ..."."""


class UpstreamUnavailableError(UpstreamError):
    """The upstream does not answer, is overloaded, or must not be asked now."""

    def __init__(self, upstream: str, reason: str, seconds: int = 5) -> None:
        super().__init__(upstream, reason)
        self.seconds = seconds
        """When a client may try again."""


class UpstreamAnswerError(UpstreamError):
    """The upstream answered, but with nothing that can be used: another type, other bytes, or a refusal."""


class UpstreamBytesError(UpstreamAnswerError):
    """The upstream sends other bytes of a file than it lists, or than were fetched first."""


class UpstreamCredentialsError(UpstreamAnswerError):
    """The upstream refuses the credentials (401 or 403)."""


class UpstreamFileMissingError(UpstreamAnswerError):
    """The upstream has no file at this URL (404 or 410)."""


class UnsafeStorageError(WheelyardError):
    """The storage has no atomic compare-and-swap, so a write could lose what others wrote."""


class StorageError(WheelyardError):
    """The base of all errors of a storage; `key` is the object concerned."""

    def __init__(self, key: str, reason: str = "") -> None:
        super().__init__(f"{key}: {reason}" if reason else key)
        self.key = key


class ObjectNotFoundError(StorageError):
    """No object has this key."""


class ObjectUnchangedError(StorageError):
    """The object still has the ETag that the reader sent."""


class PreconditionFailedError(StorageError):
    """The object does not have the ETag that the writer expected; read it again."""


class WrongBytesError(WheelyardError):
    """A local file does not have the digest that it should have."""


class StorageUnavailableError(StorageError):
    """The storage did not answer, or refused the request. A write may or may not have taken effect."""


class DamagedObjectError(StorageUnavailableError):
    """The object exists but is not what was once written: only a person can repair it."""


class FeedError(WheelyardError):
    """The feed of advisories does not answer, or not with records; what is known stays."""

    def __init__(self, reason: str) -> None:
        """`reason` continues "The feed of advisories ..."."""
        super().__init__(f"The feed of advisories {reason}")
        self.reason = reason


class NothingWaitsError(WheelyardError):
    """No export waits for a person."""

    def __init__(self) -> None:
        super().__init__("Nothing waits: all advisories that the feed shows are in force")


class FeedPartMissingError(FeedError):
    """The feed has no such file (404 or 410)."""


class NoListingError(FeedError):
    """The feed has no list of changes, only exports."""
