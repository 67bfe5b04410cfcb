"""Makes one PackageIndex so."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from wheelyard_operator.apply import is_owned
from wheelyard_operator.desired.access_budget import fitting
from wheelyard_operator.desired.access_file import Login, access_file
from wheelyard_operator.desired.common import content_digest, selector_labels
from wheelyard_operator.desired.configmap import configmap
from wheelyard_operator.desired.deployment import deployment
from wheelyard_operator.desired.index_file import index_file
from wheelyard_operator.desired.service import service
from wheelyard_operator.desired.serviceaccount import serviceaccount
from wheelyard_operator.desired.storage_format import given
from wheelyard_operator.kube import ApiError, Kube
from wheelyard_operator.observe import ObservedIndex, observe_index, pods, read_index, staying
from wheelyard_operator.problems import CREDENTIALS_READY, Problem
from wheelyard_operator.provision.server_probe import Servers
from wheelyard_operator.reconcile.certificates import certificate_ends
from wheelyard_operator.reconcile.children import Children
from wheelyard_operator.reconcile.deletion import end_servers
from wheelyard_operator.reconcile.doors import Doors
from wheelyard_operator.reconcile.endpoints import BusyError
from wheelyard_operator.reconcile.logins import logins
from wheelyard_operator.reconcile.optional_children import Options, make_options
from wheelyard_operator.reconcile.outcome import GONE, Outcome
from wheelyard_operator.reconcile.refusals import as_problem, check_field_names, is_leaving, namespace_ends
from wheelyard_operator.reconcile.report import report, report_pause, report_problem
from wheelyard_operator.reconcile.storage import StorageStage
from wheelyard_operator.reconcile.trust import TrustStage
from wheelyard_operator.resource import (
    BUCKET_FINALIZER,
    FINALIZER,
    INDEX,
    Key,
    Manifest,
    PackageIndex,
    S3Storage,
    VolumeStorage,
)
from wheelyard_operator.settings import Settings
from wheelyard_operator.status.conditions import is_stalled
from wheelyard_operator.status.index import IndexFindings, index_status
from wheelyard_operator.status.options import exposed, monitored
from wheelyard_operator.status.rollout import is_ready, serves_with
from wheelyard_operator.status.storage import ReadyStorage

_RETRY_SECONDS = 10.0
_SOON_SECONDS = 3.0
_OURS = {BUCKET_FINALIZER, FINALIZER}


@dataclass(frozen=True)
class IndexReconciler:
    """Brings a PackageIndex, its children and its status together."""

    kube: Kube
    storage: StorageStage
    trust: TrustStage
    servers: Servers
    settings: Settings
    now: Callable[[], str]
    """RFC 3339."""

    def __call__(self, key: Key) -> Outcome:
        """Reconcile; whatever it is interrupted after, the next call goes on from there."""
        index = read_index(self.kube, key)
        if index is None:
            return GONE
        try:
            return self._reconcile(index)
        except BusyError:
            # Nothing new is known: what the status says stays.
            return Outcome(after=_SOON_SECONDS)
        except ApiError as error:
            # Not about a child: of the index itself, or of what has to be read.
            problem = as_problem(error, index.meta)
            state = report_problem(self.kube, index.meta, index.status, problem, self.now())
            return Outcome(after=_RETRY_SECONDS, state=state)

    def _reconcile(self, index: PackageIndex) -> Outcome:
        if index.meta.deleting:
            return self._clean_up(index)
        if index.meta.paused:
            return Outcome(state=report_pause(self.kube, index.meta, index.status, self.now()))
        missing = [each for each in index.finalizers if each not in index.meta.finalizers]
        if missing:
            # Before anything is made that the garbage collector does not know.
            self._set_finalizers(index, [*index.meta.finalizers, *missing])
            now = read_index(self.kube, index.meta.key)
            if now is None or not set(missing) <= set(now.meta.finalizers):
                # Deleted meanwhile: what would be made now, nobody would ever remove.
                return Outcome(after=_RETRY_SECONDS) if now else GONE
            index = now
        return self._make(observe_index(self.kube, index))

    def _make(self, observed: ObservedIndex) -> Outcome:
        index, children = observed.index, Children(self.kube, observed.index.meta)
        accepted = logins(observed)
        problem, doors, ready, live, options = None, None, None, observed.deployment, Options()
        try:
            accepted, doors = self._doors(observed, accepted)
            problem = self._open_doors(doors, children)
            check_field_names(index)
            options = make_options(index, self.settings, children)
            ready = self.storage.prepare(observed, children)
            live = self._deploy(observed, ready, children)
            self._let_go(observed, live, ready, children)
        except Problem as error:
            problem = error
        found = pods(self.kube, index)
        running = staying(found)
        answers = {pod["metadata"]["name"]: self.servers.ask(pod) for pod in running if is_ready(pod)}
        if doors is not None and problem is None:
            problem = doors.follow_formats(self.kube, found, answers, children)
        findings = IndexFindings(
            url=index.url(self.settings.cluster_domain),
            cluster_url=index.cluster_url(self.settings.cluster_domain),
            selector=",".join(f"{key}={value}" for key, value in selector_labels(index).items()),
            users=len(accepted),
            deployment=live,
            pods=running,
            problem=problem,
            storage=ready,
            claim=self._claim(index),
            exposed=exposed(index, options.live, options.problems),
            monitored=monitored(index, options.live, options.problems),
            kept=(*([ready.kept] if ready and ready.kept else []), *options.kept),
            access_answers={name: answer and answer.usable for name, answer in answers.items()},
        )
        if is_stalled(index_status(index, findings, "")) and is_leaving(self.kube, index.meta.namespace):
            findings = replace(findings, problem=namespace_ends(index.meta), exposed=None)
        state = self._report(index, findings)
        after = _RETRY_SECONDS if problem or options.problems else None
        if after is None and ready and ready.rotates:
            after = _SOON_SECONDS
        ends = {"key": ready.next_rotation if ready else "", "certificate": certificate_ends(self.kube, index)}
        return Outcome(after=after, state=state, ends=ends)

    def _claim(self, index: PackageIndex) -> Manifest | None:
        if isinstance(index.storage, VolumeStorage):
            return self.kube.get("PersistentVolumeClaim", index.meta.namespace, index.child_name)
        return None

    def _doors(self, observed: ObservedIndex, accepted: tuple[Login, ...]) -> tuple[tuple[Login, ...], Doors]:
        """Return the users for whom there is room, and what servers get of them."""
        index, own = observed.index, observed.access_secret
        before = own if own and is_owned(own, index.meta) else None
        trust = self.trust.trust((login.user for login in accepted), before)
        kept, left_out = fitting(index, accepted, trust)
        doors = Doors(index, access_file(index, kept, trust), trust.minting_key, left_out, given(before))
        return kept, doors

    def _open_doors(self, doors: Doors, children: Children) -> Problem | None:
        """Keep current what serving pods need, whatever is wrong with the storage.

        Give what keeps rights from being in force at once, where the rest may go on all the same.
        """
        problem = doors.give(self.kube, children)
        children.ensure(serviceaccount(doors.index, self.settings))
        children.ensure(service(doors.index))
        return problem

    def _deploy(self, observed: ObservedIndex, ready: ReadyStorage, children: Children) -> Manifest:
        index, before = observed.index, observed.deployment
        index_yaml = index_file(index, self.settings)
        children.ensure(configmap(index, index_yaml))
        scaled = index.autoscaling is not None and before is not None
        if scaled and before is not None:
            children.cede(before, "replicas")
        return children.ensure(
            deployment(
                index,
                self.settings,
                config_digest=content_digest(index_yaml),
                credentials_digest=ready.credentials_digest,
                scaled=scaled,
            )
        )

    def _let_go(self, observed: ObservedIndex, live: Manifest, ready: ReadyStorage, children: Children) -> None:
        """Remove what an index no longer asks for, once no pod has it."""
        index = observed.index
        if BUCKET_FINALIZER in index.meta.finalizers and BUCKET_FINALIZER not in index.finalizers:
            self._finish(index, BUCKET_FINALIZER)
            return
        if index.has_user or FINALIZER not in index.meta.finalizers:
            return
        if serves_with(ready.credentials_digest, live, observed.pods):
            self.storage.release(index)
            if index.storage_secret_name != index.made_secret_name:
                children.remove("Secret", index.meta.namespace, index.made_secret_name, CREDENTIALS_READY)
            self._finish(index, FINALIZER)

    def _clean_up(self, index: PackageIndex) -> Outcome:
        """Remove what no garbage collector knows: first the servers, so that nobody writes any more."""
        if not _OURS & set(index.meta.finalizers):
            return GONE
        try:
            end_servers(self.kube, index, self.now())
            if BUCKET_FINALIZER in index.meta.finalizers:
                # It may have been set to Retain since.
                if isinstance(index.storage, S3Storage) and index.delete_storage:
                    self.storage.remove(index, index.storage)
                self._finish(index, BUCKET_FINALIZER)
            else:
                self.storage.release(index)
                self._finish(index, FINALIZER)
        except Problem as problem:
            state = self._report_leaving(index, problem)
            return Outcome(after=_RETRY_SECONDS if problem.stalled else _SOON_SECONDS, state=state)
        return self(index.meta.key)

    def _finish(self, index: PackageIndex, finalizer: str) -> None:
        self._set_finalizers(index, [each for each in index.meta.finalizers if each != finalizer])

    def _report_leaving(self, index: PackageIndex, problem: Problem) -> str:
        message = f"Being deleted, which waits for: {problem.message}"
        waiting = Problem(problem.condition, problem.reason, message, stalled=problem.stalled)
        findings = IndexFindings(
            url=index.url(self.settings.cluster_domain),
            cluster_url=index.cluster_url(self.settings.cluster_domain),
            selector=str(index.status.get("selector", "")),
            users=0,
            deployment=self.kube.get("Deployment", index.meta.namespace, index.child_name),
            pods=(),
            problem=waiting,
        )
        return self._report(index, findings)

    def _report(self, index: PackageIndex, findings: IndexFindings) -> str:
        now = self.now()
        return report(self.kube, index.meta, index.status, index_status(index, findings, now), now)

    def _set_finalizers(self, index: PackageIndex, finalizers: list[str]) -> None:
        # The version makes the API server refuse, should somebody else have changed the list meanwhile.
        metadata = {"finalizers": finalizers, "resourceVersion": index.meta.resource_version}
        self.kube.patch(INDEX, index.meta.namespace, index.meta.name, {"metadata": metadata})
