"""The users that an access file accepts, indexed by their credentials."""

from collections.abc import Iterable, Mapping

from wheelyard_server.access.access_file import AccessFile, Password, TokenIdentity, User
from wheelyard_server.access.minting import Mint
from wheelyard_server.access.password_hashes import affordable
from wheelyard_server.access.rules import Method, Principal, Verb
from wheelyard_server.access.signed_tokens import SignedClaims, SignedTokenVerifier


class AcceptedUsers:
    """The users of one access file, ready for lookups."""

    def __init__(self, file: AccessFile) -> None:
        self.by_token: Mapping[str, Principal] = {
            digest: principal_of(user, Method.TOKEN) for user in file.users for digest in user.token_digests
        }
        """Principals by token digest."""
        self.by_name: Mapping[str, User] = {user.name: user for user in file.users}
        self.passwords: Mapping[str, tuple[Password, ...]] = {
            user.name: affordable(user.name, user.passwords) for user in file.users if user.passwords
        }
        """The password hashes that are cheap enough to verify, by user name."""
        self.verifier = SignedTokenVerifier(file.audience, file.issuers)
        trusting = _in_order(file)
        self.mint = Mint(file.audience, file.minting_keys, trusting)
        self._by_subject = _by_subject(trusting)

    def by_claims(self, claims: SignedClaims) -> tuple[User, ...]:
        """Return the users whose identity fits a signed token; without a user name, the first one counts."""
        subject = claims.claims.get("sub")
        candidates = self._by_subject.get((claims.issuer, subject), ()) if isinstance(subject, str) else ()
        return tuple(user for user, identity in candidates if claims.fit(identity))


def principal_of(user: User, method: Method) -> Principal:
    """Return the principal of a user who has logged in."""
    return Principal.of_user(user.name, user.groups, method)


def _in_order(file: AccessFile) -> tuple[User, ...]:
    """Return the users in the order in which they count if several trust the same identity.

    That is the order of the file, in which older users come first. But a user without any
    permission never takes precedence over one that has some.
    """
    granted = {subject for grant in (*file.grants, *file.external_grants) for subject in grant.subjects}
    for_all = any(
        "authenticated" in grant.subjects and set(grant.verbs) != {Verb.READ}
        for grant in (*file.grants, *file.external_grants)
    )

    def has_none(user: User) -> bool:
        own = {f"user:{user.name}", *(f"group:{group}" for group in user.groups)}
        return not for_all and own.isdisjoint(granted)

    return tuple(sorted(file.users, key=has_none))


def _by_subject(users: Iterable[User]) -> Mapping[tuple[str, str], tuple[tuple[User, TokenIdentity], ...]]:
    found: dict[tuple[str, str], tuple[tuple[User, TokenIdentity], ...]] = {}
    for user in users:
        for identity in user.identities:
            key = (identity.issuer, identity.claims["sub"])
            found[key] = (*found.get(key, ()), (user, identity))
    return found
