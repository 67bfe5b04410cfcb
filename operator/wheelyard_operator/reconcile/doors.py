"""What running index servers are given without a restart: who may do what, and which format they may write."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from wheelyard_operator.desired.access_budget import LeftOut
from wheelyard_operator.desired.access_secret import access_secret
from wheelyard_operator.desired.common import ACCESS_ANNOTATION, content_digest
from wheelyard_operator.desired.storage_format import allowed
from wheelyard_operator.kube import Kube
from wheelyard_operator.observe import pods
from wheelyard_operator.problems import ACCESS_IN_FORCE, Problem
from wheelyard_operator.provision.server_probe import Answer
from wheelyard_operator.reconcile.children import Children
from wheelyard_operator.resource import OLDEST_FORMAT, Manifest, PackageIndex
from wheelyard_operator.status.rollout import has_ended


@dataclass(frozen=True)
class Doors:
    """The content of an index's access Secret."""

    index: PackageIndex
    access_text: str
    minting_key: str
    left_out: LeftOut
    storage_format: int

    def give(self, kube: Kube, children: Children) -> Problem | None:
        """Bring it to the servers; return what keeps it from being in force at once."""
        secret = access_secret(self.index, self.access_text, self.minting_key, self.left_out, self.storage_format)
        children.ensure(secret, ACCESS_IN_FORCE)
        return self._touch_pods(kube, children)

    def follow_formats(
        self, kube: Kube, found: tuple[Manifest, ...], answers: Mapping[str, Answer | None], children: Children
    ) -> Problem | None:
        """Let the servers write the newest format that all of them know; `answers` are those of ready pods."""
        told = [answers.get(pod["metadata"]["name"]) for pod in found if not has_ended(pod)]
        storage_format = allowed(self.storage_format, [answer and answer.known_format for answer in told])
        if storage_format == self.storage_format:
            return None
        try:
            return replace(self, storage_format=storage_format).give(kube, children)
        except Problem as problem:
            return problem

    @property
    def _digest(self) -> str:
        if self.storage_format == OLDEST_FORMAT:
            return content_digest(self.access_text)
        return content_digest([self.access_text, self.storage_format])

    def _touch_pods(self, kube: Kube, children: Children) -> Problem | None:
        """Have the kubelets sync the Secret now: by themselves they take a minute or more."""
        patch, problem = {"metadata": {"annotations": {ACCESS_ANNOTATION: self._digest}}}, None
        for pod in pods(kube, self.index):
            if pod["metadata"].get("annotations", {}).get(ACCESS_ANNOTATION) == self._digest:
                continue
            try:
                children.patch(pod, patch, ACCESS_IN_FORCE)
            except Problem as error:
                problem = error
        return problem
