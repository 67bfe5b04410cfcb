"""What can go wrong, in the words of the person who sees it.

Every error that the server raises on purpose is one of these. They know nothing of HTTP: `web/errors.py`
is the one place that gives each a status. The text of those that reach a client becomes the reason phrase,
which is what twine and poetry show.
"""


class WheelyardError(Exception):
    """The base of all errors of the index server."""


class InvalidSettingsError(WheelyardError):
    """A settings or access file does not say what it must; the text names the key."""


class UnsafeInterpreterError(WheelyardError):
    """This Python would read requests in a way that is known to be unsafe; the text says what to change."""


class LoopEndedError(WheelyardError):
    """A background loop has ended, so the process has to: whoever started it starts it again."""


class BusyError(WheelyardError):
    """There is no room for this now; there will be soon."""


class NotFoundError(WheelyardError):
    """What was asked for is not there, or may not be known to whoever asks."""


class LoginError(WheelyardError):
    """The base of what stands between a client and its login."""

    tried = "none"
    """How it tried to log in, where that is known: see `access.rules.Method`."""
    presented_user = ""
    """The user that it says to be."""


class UnauthenticatedError(LoginError):
    """Nobody is logged in, or the credentials are not valid."""


class TooManyAttemptsError(LoginError):
    """Somebody guesses at passwords, or a client keeps sending an old one."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many wrong passwords, try again in {seconds} seconds; tokens work at any time")
        self.seconds = seconds


class InvalidPublisherError(WheelyardError):
    """A CI's token cannot be changed for one of this index; the text says what to change."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code


class ForbiddenError(WheelyardError):
    """The principal is known and has no right to do this."""


class InvalidRequestError(WheelyardError):
    """The request of the management API is not as described; the text says what to change."""


class InvalidUploadError(WheelyardError):
    """The upload can never be accepted as it is; the text says what to change."""


class RegistrationError(WheelyardError):
    """A project is to be registered before its first upload, as PyPI once wanted it."""

    def __init__(self) -> None:
        super().__init__("Nothing has to be registered: the first upload makes a project")


class FileTooLargeError(WheelyardError):
    """The upload is larger than the index takes."""


class FileExistsWithOtherContentError(WheelyardError):
    """The distribution is there with other bytes: it has one content, for ever, however its filename is spelled."""

    def __init__(self, filename: str, existing: str) -> None:
        # pdm, poetry and uv look for these first three words.
        super().__init__(f"File already exists with other content, raise the version: {_both(filename, existing)}")


class FilenameDeletedError(WheelyardError):
    """The distribution was deleted: it never comes back with other bytes, however its filename is spelled."""

    def __init__(self, filename: str, deleted: str) -> None:
        # Not "already exists": a client that skips those would hide that nothing was published.
        super().__init__(
            f"A deleted file had this name and other content, raise the version: {_both(filename, deleted)}"
        )


def _both(filename: str, known: str) -> str:
    return filename if filename == known else f"{filename} is the same distribution as {known}"


class ProjectClosedError(WheelyardError):
    """The project's status (PEP 792) does not allow this."""


class UnsafeStorageError(WheelyardError):
    """The storage does not compare and swap, so that writing to it could lose what others wrote."""


class StorageError(WheelyardError):
    """The base of what a storage raises; `key` is the object concerned."""

    def __init__(self, key: str, reason: str = "") -> None:
        super().__init__(f"{key}: {reason}" if reason else key)
        self.key = key


class ObjectNotFoundError(StorageError):
    """No object has this key."""


class ObjectUnchangedError(StorageError):
    """The object still has the ETag that the reader knows."""


class PreconditionFailedError(StorageError):
    """The object is not, or is no longer, what the writer expected; read it again."""


class WrongBytesError(WheelyardError):
    """A local file does not have the digest that it should have."""


class StorageUnavailableError(StorageError):
    """The storage did not answer, or refused; whether a write took effect is unknown."""


class DamagedObjectError(StorageUnavailableError):
    """The object is there and cannot be what was once written: only a person can mend it."""
