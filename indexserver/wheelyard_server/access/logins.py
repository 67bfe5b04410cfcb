"""Who can log in, by the users of one access file, and by what."""

from collections.abc import Iterable, Mapping

from wheelyard_server.access.file import AccessFile, Identity, Password, User
from wheelyard_server.access.minting import Mint
from wheelyard_server.access.password_hashes import affordable
from wheelyard_server.access.rules import Method, Principal
from wheelyard_server.access.signed_tokens import SignedClaims, Verifier


class Logins:
    """The users, ready to be found by what they show."""

    def __init__(self, file: AccessFile) -> None:
        self.by_token: Mapping[str, Principal] = {
            digest: principal(user, Method.TOKEN) for user in file.users for digest in user.token_digests
        }
        """By token digest."""
        self.by_name: Mapping[str, User] = {user.name: user for user in file.users}
        self.passwords: Mapping[str, tuple[Password, ...]] = {
            user.name: affordable(user.name, user.passwords) for user in file.users if user.passwords
        }
        """Those that may be verified, by user."""
        self.verifier = Verifier(file.audience, file.issuers)
        self.mint = Mint(file.audience, file.minting_keys, file.users)
        self._by_subject = _by_subject(file.users)

    def by_claims(self, claims: SignedClaims) -> tuple[User, ...]:
        """Return the users that the bearer of a signed token is. More than one may have named the same identity."""
        subject = claims.claims.get("sub")
        candidates = self._by_subject.get((claims.issuer, subject), ()) if isinstance(subject, str) else ()
        return tuple(user for user, identity in candidates if claims.fit(identity))


def principal(user: User, method: Method) -> Principal:
    """Return the principal that a user is once logged in."""
    return Principal.of_user(user.name, user.groups, method)


def _by_subject(users: Iterable[User]) -> Mapping[tuple[str, str], tuple[tuple[User, Identity], ...]]:
    found: dict[tuple[str, str], tuple[tuple[User, Identity], ...]] = {}
    for user in users:
        for identity in user.identities:
            key = (identity.issuer, identity.claims["sub"])
            found[key] = (*found.get(key, ()), (user, identity))
    return found
