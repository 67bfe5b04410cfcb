"""The operation of the management API that tries a policy file before it is in force."""

import asyncio
from collections.abc import Iterable, Iterator

from wheelyard_server.access.guard import GuardedCatalog
from wheelyard_server.catalog.plans import Release
from wheelyard_server.errors import InvalidRequestError, InvalidSettingsError, NotFoundError
from wheelyard_server.names import parse_project_name, parse_version
from wheelyard_server.settings.policy import PolicyFile, parse_policy
from wheelyard_server.web.handlers.operations import Call, Operation
from wheelyard_server.web.handlers.plan_schemas import LockedRelease, PolicyPlan, PolicyToPlan

MAX_BODY_BYTES = 4 * 1024**2


async def plan(call: Call) -> PolicyPlan:
    """Show what a policy file would change for files that are in use."""
    body: PolicyToPlan = call.body
    # Large ones take longer than a request should wait.
    file, releases = await asyncio.to_thread(_parsed, body)
    return PolicyPlan.of(*await call.catalog.plan(file, releases, body.days))


def _parsed(body: PolicyToPlan) -> tuple[PolicyFile, tuple[Release, ...]]:
    try:
        return parse_policy(body.policy.encode()), tuple(_releases(body.releases))
    except InvalidSettingsError as error:
        raise InvalidRequestError(str(error)) from None


def _releases(locked: Iterable[LockedRelease]) -> Iterator[Release]:
    for each in locked:
        try:
            yield Release(parse_project_name(each.project), str(parse_version(each.version)))
        except NotFoundError:
            text = f"{each.project} {each.version}"[:200]
            raise InvalidRequestError(f"`releases`: {text!r} is not a project and a version") from None


PLAN_OPERATIONS = (
    Operation(
        "POST",
        "/api/v1/policy/plan",
        "Show what a policy file would change for files that are in use",
        plan,
        PolicyPlan,
        PolicyToPlan,
        max_body_bytes=MAX_BODY_BYTES,
        check=GuardedCatalog.require_planner,
        changes=False,
    ),
)
