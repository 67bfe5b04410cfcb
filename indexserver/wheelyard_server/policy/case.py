"""A project before the rules: what all of them know of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from wheelyard_server.model import File, Project
from wheelyard_server.model.mirror import NO_PUBLISHER, MirroredFile
from wheelyard_server.policy.basis import Basis
from wheelyard_server.policy.moments import END_OF_TIME, aware
from wheelyard_server.policy.objection import Objection
from wheelyard_server.policy.rulebook import RulesOfName
from wheelyard_server.policy.sentences import plain, sentence
from wheelyard_server.policy.verdict import Rule
from wheelyard_server.policy.versions import covers
from wheelyard_server.settings.policy import PolicyException, PolicyRules

AnyFile = File | MirroredFile


@dataclass(frozen=True)
class Case:
    """A project, and the basis of the verdicts on its files."""

    project: Project
    basis: Basis

    @property
    def rules(self) -> PolicyRules:
        """Return the rules of the policy."""
        return self.basis.policy.rules

    @cached_property
    def of_name(self) -> RulesOfName:
        """Return the entries of the policy that concern this name."""
        return self.basis.policy.rulebook.of(self.project.name)

    @cached_property
    def first_attested(self) -> MirroredFile | None:
        """Return the first file with a provenance object that names a publisher, or was not read yet."""
        files = () if self.project.mirror is None else self.project.mirror.files
        attested = [file for file in files if file.provenance_url and file.publisher != NO_PUBLISHER]
        times = list(map(time_of, attested))
        first = min(times, default=END_OF_TIME)
        found = (file for file, time in zip(attested, times, strict=True) if time == first)
        return min(found, key=lambda file: file.filename, default=None)

    def subject(self, file: AnyFile) -> str:
        """Return the version of a file for people, as all files of the version share it."""
        name = plain(self.project.name)
        return f"{name} {plain(file.version)}" if file.version else f"A file of {name} without a version"

    def exceptable(self, objection: Objection, file: AnyFile, aliases: tuple[str, ...] = ()) -> Objection:
        """Return the objection with the exception that lifts it, and with where to ask for one."""
        ids = (*objection.advisories, *aliases)
        return self.explained(objection, self.exception(objection.rule, file.version, ids))

    def exceptable_name(self, objection: Objection) -> Objection:
        """Return an objection to all files of the project, which an exception for any version of it lifts."""
        found = (each for each in self.of_name.exceptions if objection.rule.value in each.rules)
        return self.explained(objection, max(found, key=lambda each: each.until, default=None))

    def exception(self, rule: Rule, version: str, ids: tuple[str, ...] = ()) -> PolicyException | None:
        """Return the exception that lifts an objection, of several the one that ends last.

        One that names advisories lifts what one of them is the reason for, by its id or an alias.
        One that names versions lifts nothing of a file without a version.
        """
        if not self.of_name.exceptions:
            return None
        found = (
            each
            for each in self.of_name.exceptions
            if rule.value in each.rules
            and (not each.advisories or not set(ids).isdisjoint(each.advisories))
            and covers(each.versions, version, unknown=False)
        )
        return max(found, key=lambda each: each.until, default=None)

    def explained(self, objection: Objection, exception: PolicyException | None) -> Objection:
        """Return the objection with an exception, and with where to ask for one."""
        reason = sentence(objection.reason, self._hint(objection.rule))
        return objection._replace(reason=reason, exception=exception)

    def _hint(self, rule: Rule) -> str:
        index = self.basis.policy.index
        whose = f"the index {index}" if index else "this index"
        return f"Ask for an exception from {rule}: policy.exceptions of {whose}"


CaseRule = Callable[[Case, AnyFile], Iterable[Objection]]
"""Returns its objections to a file. Those to files of one version differ in nothing but their sentences."""
MirrorRule = Callable[[Case, MirroredFile], Iterable[Objection]]
"""The same for mirrored files. The objections may also differ in their ends, which are in the future."""
Check = Callable[[AnyFile], CaseRule | None]
"""Returns the rule that objects to a file, None if there is none: it is asked about each file, so it is fast."""
MirrorCheck = Callable[[MirroredFile], MirrorRule | None]
"""The same for mirrored files."""


def time_of(file: AnyFile) -> datetime:
    """Return when a file was published. One without a time counts as later than all others."""
    return aware(file.published or END_OF_TIME)
