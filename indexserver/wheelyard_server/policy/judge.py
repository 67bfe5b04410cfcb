"""Decides about the files of one project. Pages list, and URLs serve, only what this permits."""

from collections.abc import Iterator
from datetime import datetime
from functools import cached_property

from wheelyard_server.model import File, Project
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.policy.basis import Basis
from wheelyard_server.policy.case import AnyFile, Case
from wheelyard_server.policy.lacking import NOTHING, Lacking, LacksFacts, lacking_facts
from wheelyard_server.policy.objection import Objection, fold, in_order
from wheelyard_server.policy.panel import Panel, local_panel, mirrored_panel
from wheelyard_server.policy.rules import lists, quarantine
from wheelyard_server.policy.verdict import PERMITTED, Rule, Verdict

_BY_FACTS = frozenset({Rule.LICENSES, Rule.PROVENANCE})
"""Rules that refuse a file as long as they do not know enough about it."""


class Judge:
    """The rules, compiled for a project at one moment: an unremarkable file costs less than 1 us.

    It never raises because of a file: one that a rule cannot decide about is refused, and no other
    (T33).
    """

    def __init__(self, project: Project, basis: Basis, now: datetime) -> None:
        self._case = Case(project, basis)
        self._now = now

    def verdict(self, file: AnyFile) -> Verdict:
        """Return whether a file is offered: what follows from all objections to it."""
        verdict = self._mirrored.verdict(file) if isinstance(file, MirroredFile) else self._local.verdict(file)
        return verdict if self.lacking(file) is NOTHING else _lacking_facts(verdict)

    def verdicts(self) -> Iterator[tuple[AnyFile, Verdict]]:
        """Yield all files of the project with what pages need of their verdicts, in the document's order.

        There are no sentences, which cost the most, and files may share the first of their `until`.
        """
        project, mirror = self._case.project, self._case.project.mirror
        found = self._local.verdicts(project.files) if mirror is None else self._mirrored.verdicts(mirror.files)
        decided = zip(tuple(project.all_files), found, strict=True)
        if (lacking := self._lacking) is None:
            return decided
        return ((file, each if lacking(file) is NOTHING else _lacking_facts(each)) for file, each in decided)

    def objections(self, file: AnyFile) -> tuple[Objection, ...]:
        """Return everything that the rules have against a file, excepted or not, now or later, in order."""
        return self._mirrored.objections(file) if isinstance(file, MirroredFile) else self._local.objections(file)

    def verdict_on_name(self) -> Verdict:
        """Return whether there may be files under the project's name: a denied name has no page.

        No file is looked at, so no document is needed. A project without files and without an owner
        counts as one of an upstream that is not asked yet.
        """
        case, project = self._case, self._case.project
        found = [*quarantine.name(case), *lists.denied_name(case)]
        if not project.files:
            found += lists.not_allowed_name(case)
        return fold(in_order(found), self._now) if found else PERMITTED

    @property
    def needs_facts(self) -> bool:
        """Return whether a rule depends on facts that are looked up."""
        return self._lacking is not None

    def lacking(self, file: AnyFile) -> Lacking:
        """Return what must be looked up for a verdict on a file."""
        return NOTHING if self._lacking is None else self._lacking(file)

    @cached_property
    def _lacking(self) -> LacksFacts | None:
        return lacking_facts(self._case)

    @cached_property
    def _local(self) -> Panel[File]:
        return local_panel(self._case, self._now)

    @cached_property
    def _mirrored(self) -> Panel[MirroredFile]:
        return mirrored_panel(self._case, self._now)


def _lacking_facts(verdict: Verdict) -> Verdict:
    """Return the verdict on a file without facts, marked if they may change it."""
    return verdict._replace(lacks_facts=True) if verdict.is_served or verdict.rule in _BY_FACTS else verdict
