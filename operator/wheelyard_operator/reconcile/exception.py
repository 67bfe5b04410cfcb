"""Reconciles one PackageException: whether its index accepts it. The index itself hands it to its servers."""

from collections.abc import Callable
from dataclasses import dataclass

from wheelyard_operator.apply import is_owned
from wheelyard_operator.desired.policy_budget import LeftOut
from wheelyard_operator.kube import ApiError, Kube
from wheelyard_operator.observe import read_exception, read_index, read_policy_metadata
from wheelyard_operator.reconcile.api_refusals import as_problem
from wheelyard_operator.reconcile.outcome import GONE, Outcome
from wheelyard_operator.reconcile.report import report, report_problem
from wheelyard_operator.resource import Key, PackageException, PackageIndex
from wheelyard_operator.resource.consent import Judgment, judge
from wheelyard_operator.settings import Settings
from wheelyard_operator.status.exception import exception_status, no_index, no_room
from wheelyard_operator.times import end_of, seconds_until

_RETRY_SECONDS = 15.0


@dataclass(frozen=True)
class ExceptionReconciler:
    """Brings the status of a PackageException up to date. It has no children."""

    kube: Kube
    settings: Settings
    now: Callable[[], str]
    """RFC 3339."""

    def __call__(self, key: Key) -> Outcome:
        """Reconcile; a deleted exception needs nothing, since its index drops it."""
        exception = read_exception(self.kube, key)
        if exception is None or exception.meta.deleting:
            return GONE
        try:
            return self._reconcile(exception)
        except ApiError as error:
            problem = as_problem(error, exception.meta)
            state = report_problem(self.kube, exception.meta, exception.status, problem, self.now())
            return Outcome(after=_RETRY_SECONDS, state=state)

    def _reconcile(self, exception: PackageException) -> Outcome:
        now = self.now()
        found = self._judged(exception, read_index(self.kube, exception.index), now)
        status = exception_status(exception, found, now)
        state = report(self.kube, exception.meta, exception.status, status, now)
        # The end is an event, too, and says so at once.
        return Outcome(after=None if found.refusal else seconds_until(found.ends, now), state=state)

    def _judged(self, exception: PackageException, index: PackageIndex | None, now: str) -> Judgment:
        if index is None or index.meta.deleting:
            return Judgment(end_of(exception.until), no_index(exception))
        found = judge(index, exception, self.settings.policy_minimum, now)
        if found.refusal is None and self._is_left_out(exception, index):
            return Judgment(found.ends, no_room(exception))
        return found

    def _is_left_out(self, exception: PackageException, index: PackageIndex) -> bool:
        configmap = read_policy_metadata(self.kube, index)
        return configmap is not None and is_owned(configmap, index.meta) and LeftOut.parse(configmap).has(exception)
