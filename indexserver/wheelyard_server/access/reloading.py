"""The access file in force; see `FollowedFile`."""

from dataclasses import dataclass

from wheelyard_server.access.accepted_users import AcceptedUsers
from wheelyard_server.access.access_file import AccessFile, parse
from wheelyard_server.access.rules import Rules
from wheelyard_server.followed_file import FollowedFile
from wheelyard_server.settings import Listener


@dataclass(frozen=True)
class Access:
    """The users and the grants of one access file."""

    accepted_users: AcceptedUsers
    rules: Rules

    def rules_for(self, listener: Listener) -> Rules:
        """Return the rules for requests that came to this listener."""
        return self.rules.external if listener is Listener.EXTERNAL else self.rules


def access_of(file: AccessFile) -> Access:
    """Return the users and grants of an access file."""
    return Access(AcceptedUsers(file), Rules(file.grants, file.external_grants))


class CurrentAccess(FollowedFile):
    """The last valid access file."""

    kind = "access"
    access: Access

    def put_in_force(self, text: bytes) -> None:
        """Take the users and grants of the file."""
        self.access = access_of(parse(text))

    @property
    def loaded(self) -> float:
        """Return when the file in force was read, in seconds since 1970."""
        return self.state.loaded

    @property
    def usable(self) -> bool:
        """Return whether the newest file is the one in force."""
        return self.state.usable
