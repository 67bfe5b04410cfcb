"""Principals, and the grants that decide what they may do. Grants only allow, and they add up."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import translate
from functools import cached_property
from typing import Annotated

import msgspec

from wheelyard_server.catalog.provenance.ci_jobs import CIJob
from wheelyard_server.names import NormalizedName
from wheelyard_server.settings.part import Glob


class Verb(StrEnum):
    """An action that a grant can allow."""

    READ = "read"
    PUBLISH = "publish"
    YANK = "yank"
    DELETE = "delete"
    MANAGE = "manage"


class Method(StrEnum):
    """How a client has authenticated."""

    NONE = "none"
    TOKEN = "token"  # noqa: S105 - a word
    PASSWORD = "password"  # noqa: S105 - a word
    SERVICE_ACCOUNT = "serviceaccount"
    TRUSTED_PUBLISHER = "trusted-publisher"
    SESSION = "session"
    """By the cookie of a login by form, at pages for people."""
    SINGLE_SIGN_ON = "single-sign-on"
    """By the cookie of a login with the provider, at pages for people."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The authenticated sender of a request."""

    name: str | None
    """None if anonymous."""
    subjects: frozenset[str]
    """The subjects of grants that apply to this principal."""
    method: Method = Method.NONE
    job: CIJob | None = None
    """The CI job, if the token comes from trusted publishing."""
    workload: str = ""
    """The subject of the signed token, such as system:serviceaccount:ci:jenkins-agent; "" without one."""

    @classmethod
    def of_user(cls, name: str, groups: Iterable[str], method: Method) -> "Principal":
        """Return the principal of a user who has logged in."""
        subjects = {_ANYBODY, "authenticated", f"user:{name}", *(f"group:{group}" for group in groups)}
        return cls(name, frozenset(subjects), method)

    @classmethod
    def of_person(cls, issuer: str, subject: str, groups: Iterable[str]) -> "Principal":
        """Return the principal of a person whom a provider has logged in.

        It has no subject `user:`, and no IndexUser and no group has a `#` in its name: so grants
        for users never count for a person.
        """
        subjects = {_ANYBODY, "authenticated", *(f"group:{group}" for group in groups)}
        return cls(f"oidc:{issuer}#{subject}", frozenset(subjects), Method.SINGLE_SIGN_ON)

    @property
    def groups(self) -> tuple[str, ...]:
        """Return the groups of this principal, sorted."""
        return tuple(sorted(each.removeprefix("group:") for each in self.subjects if each.startswith("group:")))

    @property
    def is_anonymous(self) -> bool:
        """Return whether no user is logged in."""
        return self.name is None

    def __str__(self) -> str:
        return self.name or "anonymous"


_ANYBODY = "anonymous"
ANONYMOUS = Principal(None, frozenset({_ANYBODY}))


Subject = Annotated[str, msgspec.Meta(pattern=r"^(anonymous|authenticated|user:.+|group:.+)$")]


class Grant(msgspec.Struct, frozen=True, kw_only=True, dict=True, forbid_unknown_fields=True):
    """Allows subjects to do verbs to packages."""

    subjects: tuple[Subject, ...]
    verbs: tuple[Verb, ...]
    packages: tuple[Glob, ...] = ("*",)
    within: tuple[Glob, ...] = ("*",)
    """Globs that limit this grant from outside: both must match."""

    @cached_property
    def _packages(self) -> re.Pattern[str]:
        return _pattern(self.packages)

    @cached_property
    def _within(self) -> re.Pattern[str]:
        return _pattern(self.within)

    def allows(self, principal: Principal, verb: Verb) -> bool:
        """Return whether this allows the principal the verb on at least some packages."""
        return verb in self.verbs and not principal.subjects.isdisjoint(self.subjects)

    @property
    def covers_all(self) -> bool:
        """Return whether every project is among the packages."""
        return "*" in self.packages and "*" in self.within

    def without_anonymous(self) -> "Grant":
        """Return this grant without the subject `anonymous`."""
        return msgspec.structs.replace(self, subjects=tuple(each for each in self.subjects if each != _ANYBODY))

    def covers(self, project: NormalizedName) -> bool:
        """Return whether the project is among the packages."""
        return self._packages.match(project) is not None and self._within.match(project) is not None


def _pattern(globs: tuple[str, ...]) -> re.Pattern[str]:
    """Return a pattern that takes at most len(glob) * len(name) steps per glob.

    `translate` puts each star but the last into an atomic group, so a mismatch never backtracks
    into an earlier one.
    """
    nothing = r"(?!)"
    return re.compile("|".join(translate(glob) for glob in globs) or nothing)


@dataclass(frozen=True)
class Rules:
    """All grants, as they apply on the cluster listener."""

    grants: tuple[Grant, ...] = ()
    external_grants: tuple[Grant, ...] = ()
    """On the external listener, these replace the anonymous parts of `grants`."""

    @cached_property
    def external(self) -> "Rules":
        """Return the rules of the external listener, which has anonymous grants of its own."""
        return Rules((*(grant.without_anonymous() for grant in self.grants), *self.external_grants))

    def allows(self, principal: Principal, verb: Verb, project: NormalizedName) -> bool:
        """Return whether the principal may do this to the project."""
        return any(grant.allows(principal, verb) and grant.covers(project) for grant in self.grants)

    def granting(self, principal: Principal, verb: Verb) -> "Rules":
        """Return the grants that allow this principal the verb on some projects."""
        return Rules(tuple(grant for grant in self.grants if grant.allows(principal, verb)))

    def cover(self, project: NormalizedName) -> bool:
        """Return whether the project is among the packages of any grant, for any subject."""
        return any(grant.covers(project) for grant in self.grants)

    def allows_all(self, principal: Principal, verb: Verb) -> bool:
        """Return whether the principal may do this to every project, by a single grant."""
        return any(grant.covers_all and grant.allows(principal, verb) for grant in self.grants)

    def allows_some(self, principal: Principal, verb: Verb) -> bool:
        """Return whether the principal may do this to at least one project."""
        return any(grant.allows(principal, verb) for grant in self.grants)
