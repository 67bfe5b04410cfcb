"""The policy file in force; see `FollowedFile`."""

from pathlib import Path

from wheelyard_server.catalog.current_basis import CurrentBasis
from wheelyard_server.clock import EpochClock
from wheelyard_server.followed_file import FollowedFile
from wheelyard_server.settings.policy import parse_policy


class FollowedPolicyFile(FollowedFile):
    """Puts the rules and names of a file in force in a basis."""

    kind = "policy"

    def __init__(self, path: Path, basis: CurrentBasis, clock: EpochClock) -> None:
        self._basis = basis
        super().__init__(path, clock)

    def put_in_force(self, text: bytes) -> None:
        """Give the basis the content of the file."""
        self._basis.put_file(parse_policy(text))
