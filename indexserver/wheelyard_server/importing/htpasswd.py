"""htpasswd files of pypiserver: a name and a hash on each line, without permissions."""

from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.importing.accounts import WRITE, Account, Accounts, Right


def parse(text: str) -> Accounts:
    """Return the users, each with all permissions that pypiserver gives to users.

    Raises an `InvalidSettingsError` that names the line.
    """
    lines = enumerate(text.splitlines(), 1)
    users = [
        _user(number, line.strip()) for number, line in lines if line.strip() and not line.lstrip().startswith("#")
    ]
    return Accounts(tuple(users))


def _user(number: int, line: str) -> Account:
    name, colon, password_hash = line.partition(":")
    if not (name and colon and password_hash):
        raise InvalidSettingsError(f"line {number} is not NAME:HASH")
    # Some tools append more fields.
    return Account(name, password_hash.partition(":")[0], rights=(Right(WRITE),))
