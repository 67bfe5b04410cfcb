"""obstore's errors, translated into the errors of a storage, so that no other package has to know them."""

from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    GenericError,
    NotFoundError,
    NotModifiedError,
    PreconditionError,
)

from wheelyard_server.errors import (
    ObjectNotFoundError,
    ObjectUnchangedError,
    PreconditionFailedError,
    StorageUnavailableError,
)

_RANGE_IGNORED = "non-partial response when range requested"
"""obstore's words for a 200 in answer to a range request."""


@contextmanager
def translated(key: str) -> Iterator[None]:
    """Raise what obstore raises inside as a `StorageError` of this key."""
    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:
        # A missing bucket, or a proxy's own 404, is an outage: to installers, a 404 means "look
        # elsewhere".
        if "NoSuchKey" in str(error):
            raise ObjectNotFoundError(key) from error
        raise StorageUnavailableError(key, first_line(error)) from error
    except NotModifiedError as error:
        raise ObjectUnchangedError(key) from error
    except (AlreadyExistsError, PreconditionError) as error:
        raise PreconditionFailedError(key) from error
    except (BaseError, OSError) as error:
        raise StorageUnavailableError(key, first_line(error)) from error


def first_line(error: Exception) -> str:
    """Return the part of an error that is for people; the rest helps to debug obstore."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def is_whole_instead_of_range(error: StorageUnavailableError) -> bool:
    """Return whether the server answered a range request with a 200: the whole object, as RFC 9110 allows."""
    return isinstance(error.__cause__, GenericError) and _RANGE_IGNORED in str(error.__cause__)
