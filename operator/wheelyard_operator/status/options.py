"""Conditions of what an index has only if it asks for it."""

from collections.abc import Iterable, Mapping

from wheelyard_operator.condition_types import EXPOSED, MONITORED
from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import Manifest, PackageIndex
from wheelyard_operator.status.conditions import Condition

_NOT_CHECKED = "Not checked: something else is in the way, see Ready."


def exposed(
    index: PackageIndex, live: Mapping[str, Manifest] | None, problems: Mapping[str, Problem]
) -> Condition | None:
    """Say whether clients outside are led to the index, None where that is not asked for.

    `live` is None where nobody has looked.
    """
    external = index.external
    if external.ingress is None and external.route is None:
        return None
    if live is None:
        return Condition(EXPOSED, "Unknown", "NotChecked", _NOT_CHECKED)
    found = [problems[kind] for kind in ("Ingress", "HTTPRoute") if kind in problems]
    for problem in found:
        status = "False" if problem.stalled else "Unknown"
        return Condition(EXPOSED, status, problem.reason, problem.message)
    if external.route is not None and (refusal := _refusal(live.get("HTTPRoute", {}))):
        return refusal
    # Controllers need not say of an Ingress that they took it, and some never do.
    return Condition(EXPOSED, "True", "Routed", f"Requests to {', '.join(external.hosts)} are to be led here.")


def monitored(
    index: PackageIndex, live: Mapping[str, Manifest] | None, problems: Mapping[str, Problem]
) -> Condition | None:
    """Say whether Prometheus is told of the index, None where that is not asked for."""
    if index.monitor is None:
        return None
    if live is None:
        return Condition(MONITORED, "Unknown", "NotChecked", _NOT_CHECKED)
    problem = problems.get("ServiceMonitor")
    if problem:
        return Condition(MONITORED, "False", problem.reason, problem.message)
    return Condition(MONITORED, "True", "Applied", f"ServiceMonitor {index.child_name} has every pod scraped.")


def _refusal(route: Manifest) -> Condition | None:
    """Return what a Gateway has against its route; each of them has to say that it takes it."""
    answers = [each for each in route.get("status", {}).get("parents", []) if _is_about(each, route)]
    for parent in route.get("spec", {}).get("parentRefs", []):
        gateway = f"{parent.get('namespace') or route['metadata']['namespace']}/{parent['name']}"
        said = [each for each in answers if _is_of(each["parentRef"], parent)]
        if not said:
            message = (
                f"No controller has answered for Gateway {gateway} yet: see that there is this Gateway, and that"
                " the controller of its class runs."
            )
            return Condition(EXPOSED, "Unknown", "WaitingForGateway", message)
        for condition in _negative(said):
            message = (
                f"Gateway {gateway} does not take the route: {condition.get('message') or condition['reason']}"
            )
            return Condition(EXPOSED, "False", "RouteNotAccepted", message)
    return None


def _is_about(answer: Manifest, route: Manifest) -> bool:
    """Return whether it is about the route as it is now, not as it was before."""
    generation = route["metadata"].get("generation")
    return all(each.get("observedGeneration", generation) == generation for each in answer.get("conditions", ()))


def _is_of(answered: Manifest, parent: Manifest) -> bool:
    names = ("name", "sectionName", "port")
    return all(answered.get(each) == parent.get(each) for each in names) and (
        parent.get("namespace") in {None, answered.get("namespace")}
    )


def _negative(answers: Iterable[Manifest]) -> list[Manifest]:
    return [
        condition
        for answer in answers
        for condition in answer.get("conditions", ())
        if condition["type"] in {"Accepted", "ResolvedRefs"} and condition["status"] == "False"
    ]
