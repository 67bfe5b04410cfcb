"""Principals, grants, and the one question that they answer. Grants only allow; the union counts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import translate
from functools import cached_property
from typing import Annotated, Any

import msgspec

from wheelyard_server.names import NormalizedName


class Verb(StrEnum):
    """What a grant can allow."""

    READ = "read"
    PUBLISH = "publish"
    YANK = "yank"
    DELETE = "delete"
    MANAGE = "manage"


class Method(StrEnum):
    """How somebody logs in."""

    NONE = "none"
    TOKEN = "token"  # noqa: S105 - a name
    PASSWORD = "password"  # noqa: S105 - a name
    SERVICE_ACCOUNT = "serviceaccount"
    TRUSTED_PUBLISHER = "trusted-publisher"


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever is asking, once that is proven."""

    name: str | None
    """None is anonymous."""
    subjects: frozenset[str]
    """All subjects of grants that mean this principal."""
    method: Method = Method.NONE

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that this principal is in, sorted."""
        return tuple(sorted(each.removeprefix("group:") for each in self.subjects if each.startswith("group:")))

    @property
    def is_anonymous(self) -> bool:
        """Tell whether nobody is logged in."""
        return self.name is None

    def __str__(self) -> str:
        return self.name or "anonymous"


_ANYBODY = "anonymous"
ANONYMOUS = Principal(None, frozenset({_ANYBODY}))


class _AccessFilePart(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    pass


Subject = Annotated[str, msgspec.Meta(pattern=r"^(anonymous|authenticated|user:.+|group:.+)$")]
TokenDigest = Annotated[str, msgspec.Meta(pattern=r"^sha256:[0-9a-f]{64}$")]
MintingKey = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{43}=?$")]
"""32 bytes in URL-safe base 64."""


class Password(_AccessFilePart, frozen=True):
    """What is kept of a password: a slow hash in the PHC format or of bcrypt."""

    hash: str
    over: str = ""
    """Settings of the older hash from which `hash` was made; empty: it is of the password itself."""


class Identity(_AccessFilePart, frozen=True):
    """Whoever has a signed token of this issuer with these claims."""

    issuer: str
    claims: Annotated[dict[str, str], msgspec.Meta(min_length=1)]
    """Each must be there with this value, or start with it up to the `*` at its end."""


class User(_AccessFilePart, frozen=True):
    """Somebody who can log in."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    groups: tuple[str, ...] = ()
    token_digests: tuple[TokenDigest, ...] = ()
    passwords: tuple[Password, ...] = ()
    identities: tuple[Identity, ...] = ()
    """Whose signed tokens log in as this user, such as a ServiceAccount's."""
    trusted_publishers: tuple[Identity, ...] = ()
    """Whose signed tokens can be changed for a short-lived token of this user."""

    @property
    def principal(self) -> Principal:
        """The principal that this user is once logged in."""
        groups = (f"group:{group}" for group in self.groups)
        return Principal(self.name, frozenset({_ANYBODY, "authenticated", f"user:{self.name}", *groups}))


class Grant(_AccessFilePart, frozen=True, dict=True):
    """Subjects may do verbs to packages."""

    subjects: tuple[Subject, ...]
    verbs: tuple[Verb, ...]
    packages: tuple[str, ...] = ("*",)
    """Globs on normalised names."""
    within: tuple[str, ...] = ("*",)
    """The same, of whoever limits this grant: both must match."""

    @cached_property
    def _packages(self) -> re.Pattern[str]:
        return _pattern(self.packages)

    @cached_property
    def _within(self) -> re.Pattern[str]:
        return _pattern(self.within)

    def allows(self, principal: Principal, verb: Verb) -> bool:
        """Tell whether this allows the verb on at least some packages."""
        return verb in self.verbs and not principal.subjects.isdisjoint(self.subjects)

    def without_anonymous(self) -> "Grant":
        """Return this grant for those of its subjects who have logged in."""
        return msgspec.structs.replace(self, subjects=tuple(each for each in self.subjects if each != _ANYBODY))

    def covers(self, project: NormalizedName) -> bool:
        """Tell whether this is about the project."""
        return self._packages.match(project) is not None and self._within.match(project) is not None


def _pattern(globs: tuple[str, ...]) -> re.Pattern[str]:
    nothing = r"(?!)"
    return re.compile("|".join(translate(glob) for glob in globs) or nothing)


class Issuer(_AccessFilePart, frozen=True):
    """Somebody whose signed tokens are believed."""

    issuer: str
    """As it stands in the tokens' `iss`."""
    keys: tuple[dict[str, Any], ...]
    """Public keys (RFC 7517)."""


class AccessFile(_AccessFilePart, frozen=True):
    """All of `access.yaml`."""

    users: tuple[User, ...] = ()
    grants: tuple[Grant, ...] = ()
    external_grants: tuple[Grant, ...] = ()
    """On the external listener these stand in for whatever `grants` allow to anonymous."""
    audience: str = ""
    """For whom signed tokens must have been made; empty believes none."""
    minting_keys: tuple[MintingKey, ...] = ()
    """The first signs the short-lived tokens of this index, all verify; empty mints none."""
    issuers: tuple[Issuer, ...] = ()


@dataclass(frozen=True)
class Rules:
    """What one access file says, ready to be asked: as it is for the cluster listener."""

    grants: tuple[Grant, ...] = ()
    principals_by_token: Mapping[str, Principal] = field(default_factory=dict)
    """By token digest."""
    external_grants: tuple[Grant, ...] = ()

    @cached_property
    def external(self) -> "Rules":
        """The same for the external listener, where nobody may do anything just because pods inside may."""
        inherited = (grant.without_anonymous() for grant in self.grants)
        return Rules((*inherited, *self.external_grants), self.principals_by_token)

    def allows(self, principal: Principal, verb: Verb, project: NormalizedName) -> bool:
        """Tell whether the principal may do this to the project."""
        return any(grant.allows(principal, verb) and grant.covers(project) for grant in self.grants)

    def allows_some(self, principal: Principal, verb: Verb) -> bool:
        """Tell whether the principal may do this to any project at all."""
        return any(grant.allows(principal, verb) for grant in self.grants)


def rules_of(file: AccessFile) -> Rules:
    """Make the rules of an access file."""
    by_token = {digest: user.principal for user in file.users for digest in user.token_digests}
    return Rules(file.grants, by_token, file.external_grants)
