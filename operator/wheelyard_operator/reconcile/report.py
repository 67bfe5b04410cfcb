"""Writes a status if it changed, and posts each transition once as an event."""

import logging

from wheelyard_operator.condition_types import QUARANTINED
from wheelyard_operator.kube import ApiError, Kube
from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import API_VERSION, OPERATOR, Manifest, Meta
from wheelyard_operator.status.conditions import (
    Condition,
    merge_conditions,
    paused_conditions,
    problem_conditions,
    state,
    transitions,
)

log = logging.getLogger(__name__)

_MAX_MESSAGE_LENGTH = 1000


def report(kube: Kube, meta: Meta, old_status: Manifest, new_status: Manifest, now: str) -> str:
    """Patch the status if it changed, then post an event for each condition that turned.

    A None in the new status removes the field (RFC 7396). Return the resource's state in a word.
    """
    if {key: value for key, value in new_status.items() if value is not None} == old_status:
        return state(new_status)
    kube.patch(meta.kind, meta.namespace, meta.name, {"status": new_status}, "status")
    for condition in transitions(old_status, new_status):
        log.info("%s: %s=%s %s", meta.key, condition.type, condition.status, condition.message)
        _post(kube, meta, condition, now)
    return state(new_status)


def report_pause(kube: Kube, meta: Meta, status: Manifest, now: str) -> str:
    """Report that the resource is paused; the rest of its status stays. Return its state."""
    new = {"observedGeneration": meta.generation, "conditions": paused_conditions(status, meta.generation, now)}
    return report(kube, meta, status, {**status, **new}, now)


def report_problem(kube: Kube, meta: Meta, status: Manifest, problem: Problem, now: str) -> str:
    """Report a problem that blocks the whole reconciliation; the rest of the status stays."""
    new = {
        "observedGeneration": meta.generation,
        "conditions": merge_conditions(status, problem_conditions(problem), meta.generation, now),
    }
    return report(kube, meta, status, {**status, **new}, now)


def _post(kube: Kube, meta: Meta, condition: Condition, now: str) -> None:
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{meta.name}.", "namespace": meta.namespace},
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": meta.kind,
            "namespace": meta.namespace,
            "name": meta.name,
            "uid": meta.uid,
        },
        "type": "Normal" if condition.status == "True" and condition.type != QUARANTINED else "Warning",
        "reason": condition.reason,
        "message": f"{condition.type}: {condition.message}"[:_MAX_MESSAGE_LENGTH],
        "source": {"component": OPERATOR},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    try:
        kube.create(event)
    except ApiError as error:
        # Events are a courtesy: a namespace that is being deleted accepts none.
        log.warning("%s: no event: %s", meta.key, error)
