"""Principals, grants, and the one question that they answer. Grants only allow; the union counts."""

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


class Verb(StrEnum):
    """What a grant can allow."""

    READ = "read"
    PUBLISH = "publish"
    YANK = "yank"
    DELETE = "delete"
    MANAGE = "manage"


class Method(StrEnum):
    """How somebody has proven who they are."""

    NONE = "none"
    TOKEN = "token"  # noqa: S105 - a word
    PASSWORD = "password"  # noqa: S105 - a word
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
    job: CIJob | None = None
    """The CI job that publishes, for a token of trusted publishing."""

    @classmethod
    def of_user(cls, name: str, groups: Iterable[str], method: Method) -> "Principal":
        """Return a user who has logged in."""
        subjects = {_ANYBODY, "authenticated", f"user:{name}", *(f"group:{group}" for group in groups)}
        return cls(name, frozenset(subjects), method)

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that this principal is in, sorted."""
        return tuple(sorted(each.removeprefix("group:") for each in self.subjects if each.startswith("group:")))

    @property
    def is_anonymous(self) -> bool:
        """Return whether nobody is logged in."""
        return self.name is None

    def __str__(self) -> str:
        return self.name or "anonymous"


_ANYBODY = "anonymous"
ANONYMOUS = Principal(None, frozenset({_ANYBODY}))


MAX_STARS = 8
MAX_GLOB_LENGTH = 128

Glob = Annotated[str, msgspec.Meta(pattern=rf"^[^*]*(?:\*[^*]*){{0,{MAX_STARS}}}$", max_length=MAX_GLOB_LENGTH)]
"""On normalised names. The bounds are those of the CRDs."""
Subject = Annotated[str, msgspec.Meta(pattern=r"^(anonymous|authenticated|user:.+|group:.+)$")]


class Grant(msgspec.Struct, frozen=True, kw_only=True, dict=True, forbid_unknown_fields=True):
    """Subjects may do verbs to packages."""

    subjects: tuple[Subject, ...]
    verbs: tuple[Verb, ...]
    packages: tuple[Glob, ...] = ("*",)
    within: tuple[Glob, ...] = ("*",)
    """The same, of whoever limits this grant: both must match."""

    @cached_property
    def _packages(self) -> re.Pattern[str]:
        return _pattern(self.packages)

    @cached_property
    def _within(self) -> re.Pattern[str]:
        return _pattern(self.within)

    def allows(self, principal: Principal, verb: Verb) -> bool:
        """Return whether this allows the verb on at least some packages."""
        return verb in self.verbs and not principal.subjects.isdisjoint(self.subjects)

    def without_anonymous(self) -> "Grant":
        """Return this grant for those of its subjects who have logged in."""
        return msgspec.structs.replace(self, subjects=tuple(each for each in self.subjects if each != _ANYBODY))

    def covers(self, project: NormalizedName) -> bool:
        """Return whether this is about the project."""
        return self._packages.match(project) is not None and self._within.match(project) is not None


def _pattern(globs: tuple[str, ...]) -> re.Pattern[str]:
    """Return a pattern that needs at most len(glob) * len(name) steps for a glob.

    `translate` puts each star but the last into an atomic group, so that a mismatch tries no earlier one again.
    """
    nothing = r"(?!)"
    return re.compile("|".join(translate(glob) for glob in globs) or nothing)


@dataclass(frozen=True)
class Rules:
    """All grants, ready to be asked: as they are for the cluster listener."""

    grants: tuple[Grant, ...] = ()
    external_grants: tuple[Grant, ...] = ()
    """On the external listener these stand in for whatever `grants` allow to anonymous."""

    @cached_property
    def external(self) -> "Rules":
        """The same for the external listener, where nobody may do anything just because pods inside may."""
        return Rules((*(grant.without_anonymous() for grant in self.grants), *self.external_grants))

    def allows(self, principal: Principal, verb: Verb, project: NormalizedName) -> bool:
        """Return whether the principal may do this to the project."""
        return any(grant.allows(principal, verb) and grant.covers(project) for grant in self.grants)

    def granting(self, principal: Principal, verb: Verb) -> "Rules":
        """Return the grants that allow this principal the verb on some projects."""
        return Rules(tuple(grant for grant in self.grants if grant.allows(principal, verb)))

    def cover(self, project: NormalizedName) -> bool:
        """Return whether any of the grants, whoever they are for, is about the project."""
        return any(grant.covers(project) for grant in self.grants)

    def allows_some(self, principal: Principal, verb: Verb) -> bool:
        """Return whether the principal may do this to any project at all."""
        return any(grant.allows(principal, verb) for grant in self.grants)
