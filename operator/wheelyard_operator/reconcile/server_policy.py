"""Gives running index servers their policy file, without a restart."""

from dataclasses import dataclass, replace

from wheelyard_operator.apply import is_owned
from wheelyard_operator.condition_types import POLICY_IN_FORCE
from wheelyard_operator.desired.common import POLICY_ANNOTATION, content_digest
from wheelyard_operator.desired.policy_budget import LeftOut, Room, fitting
from wheelyard_operator.desired.policy_file import (
    MAX_BYTES,
    MAX_EXCEPTIONS,
    digest_of,
    exception_entry,
    first_seen,
    policy_configmap,
    policy_file,
)
from wheelyard_operator.desired.policy_floor import allowed_exception, floored_rules
from wheelyard_operator.observe import ObservedIndex
from wheelyard_operator.policy_minimum import PolicyMinimum
from wheelyard_operator.problems import Problem
from wheelyard_operator.reconcile.children import Children
from wheelyard_operator.reconcile.pod_annotations import annotate_pods
from wheelyard_operator.resource import Manifest, PackageIndex, Policy
from wheelyard_operator.resource.consent import judge


@dataclass(frozen=True)
class ServerPolicy:
    """The content of an index's policy ConfigMap, which its pods mount."""

    index: PackageIndex
    policy: Policy
    """With the platform team's minimum."""
    text: str
    exceptions: tuple[Manifest, ...]
    """All that are in the file, in its form."""
    seen: dict[str, str]
    left_out: LeftOut
    raised: tuple[str, ...]
    """What the platform team's minimum has raised, as parts of a sentence."""
    cut: tuple[str, ...]
    """Sentences about exceptions of the index that are allowed in part."""

    @classmethod
    def of(
        cls, observed: ObservedIndex, minimum: PolicyMinimum, now: str, *, lacks_feed: bool
    ) -> "ServerPolicy | None":
        """Return the policy of an index with the minimum and the accepted exceptions, None without a policy."""
        index = observed.index
        if index.policy is None:
            return None
        rules, raised = floored_rules(index.policy, minimum, lacks_feed=lacks_feed)
        seen = first_seen(_own_configmap(observed), index.policy.exceptions, now)
        own, cut = _own_exceptions(index.policy, minimum, seen)
        accepted = ((each, judge(index, each, minimum, now)) for each in observed.exceptions)
        asked = [(each, exception_entry(each, found.ends)) for each, found in accepted if not found.refusal]
        taken = len(policy_file(index.private_names, rules, own).encode())
        fits, left_out = fitting(asked, Room(MAX_EXCEPTIONS - len(own), MAX_BYTES - taken))
        exceptions = (*own, *fits)
        text = policy_file(index.private_names, rules, exceptions)
        policy = replace(index.policy, rules=rules)
        return cls(index, policy, text, exceptions, seen, left_out, raised, tuple(cut))

    @property
    def digest(self) -> str:
        """The SHA-256 of the file."""
        return digest_of(self.text)

    def deliver(self, children: Children) -> Problem | None:
        """Write the ConfigMap and have the kubelets sync it.

        Return what keeps it from being in force at once.
        """
        children.ensure(policy_configmap(self.index, self.text, self.seen, self.left_out), POLICY_IN_FORCE)
        return annotate_pods(self.index, POLICY_ANNOTATION, self.digest, children, POLICY_IN_FORCE)


def _own_exceptions(
    policy: Policy, minimum: PolicyMinimum, seen: dict[str, str]
) -> tuple[list[Manifest], list[str]]:
    """Return the allowed exceptions of the index itself, and sentences about the rest."""
    found = [allowed_exception(each, minimum, seen[content_digest(each)]) for each in policy.exceptions]
    return [each for each, _ in found if each], [note for _, notes in found for note in notes]


def _own_configmap(observed: ObservedIndex) -> Manifest | None:
    found = observed.policy_configmap
    return found if found and is_owned(found, observed.index.meta) else None
