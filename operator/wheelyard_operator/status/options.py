"""The conditions Exposed and Monitored, which only an index has that requests them."""

from collections.abc import Iterable, Mapping

from wheelyard_operator.condition_types import EXPOSED, MONITORED
from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import Manifest, PackageIndex
from wheelyard_operator.status.conditions import Condition

_NOT_CHECKED = "Not checked: another problem comes first, see Ready."


def exposed_condition(
    index: PackageIndex, live: Mapping[str, Manifest] | None, problems: Mapping[str, Problem]
) -> Condition | None:
    """Return whether external clients reach the index, None if that is not requested.

    `live` has the live Ingress and HTTPRoute by kind, None if they were not read.
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
    # Controllers need not report that they accept an Ingress, and some never do.
    return Condition(
        EXPOSED, "True", "Routed", f"The rules that route {', '.join(external.hosts)} to this index are in place."
    )


def monitored_condition(
    index: PackageIndex, live: Mapping[str, Manifest] | None, problems: Mapping[str, Problem]
) -> Condition | None:
    """Return whether a ServiceMonitor selects the index, None if that is not requested."""
    if index.monitor is None:
        return None
    if live is None:
        return Condition(MONITORED, "Unknown", "NotChecked", _NOT_CHECKED)
    problem = problems.get("ServiceMonitor")
    if problem:
        return Condition(MONITORED, "False", problem.reason, problem.message)
    return Condition(
        MONITORED, "True", "Applied", f"ServiceMonitor {index.child_name} lets Prometheus scrape every pod."
    )


def _refusal(route: Manifest) -> Condition | None:
    """Return the refusal of a Gateway; each one must report that it accepts the route."""
    answers = [each for each in route.get("status", {}).get("parents", []) if _is_current(each, route)]
    for parent in route.get("spec", {}).get("parentRefs", []):
        gateway = f"{parent.get('namespace') or route['metadata']['namespace']}/{parent['name']}"
        found = [each for each in answers if _is_of(each["parentRef"], parent)]
        if not found:
            message = (
                f"No controller has answered for Gateway {gateway} yet: check that the Gateway exists, and that"
                " the controller of its class runs."
            )
            return Condition(EXPOSED, "Unknown", "WaitingForGateway", message)
        for condition in _refusals(found):
            message = (
                f"Gateway {gateway} does not accept the route: {condition.get('message') or condition['reason']}"
            )
            return Condition(EXPOSED, "False", "RouteNotAccepted", message)
    return None


def _is_current(answer: Manifest, route: Manifest) -> bool:
    """Return whether an answer is for the current generation of the route."""
    generation = route["metadata"].get("generation")
    return all(each.get("observedGeneration", generation) == generation for each in answer.get("conditions", ()))


def _is_of(answered: Manifest, parent: Manifest) -> bool:
    names = ("name", "sectionName", "port")
    return all(answered.get(each) == parent.get(each) for each in names) and (
        parent.get("namespace") in {None, answered.get("namespace")}
    )


def _refusals(answers: Iterable[Manifest]) -> list[Manifest]:
    return [
        condition
        for answer in answers
        for condition in answer.get("conditions", ())
        if condition["type"] in {"Accepted", "ResolvedRefs"} and condition["status"] == "False"
    ]
