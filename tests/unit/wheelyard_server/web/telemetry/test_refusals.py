"""Refusals of files by a rule are announced, with the user, and other refusals are not."""

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from support.made_events import NOW
from wheelyard_server.access.audit import AuditRecord
from wheelyard_server.access.rules import Principal
from wheelyard_server.errors import ForbiddenError, Refusal, RefusedFileError
from wheelyard_server.events import Event
from wheelyard_server.web.context import RECORD
from wheelyard_server.web.telemetry.refusals import announce_refusals

REFUSED = RefusedFileError("demo 1.0 waits", Refusal("demo", "cooldown", "demo-1.0.tar.gz"))


class Kept:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)


async def refused(kept: Kept, error: Exception, principal: Principal | None) -> None:
    async def handler(_request: web.Request) -> web.StreamResponse:
        raise error

    request = make_mocked_request("GET", "/files/demo")
    request[RECORD] = AuditRecord()
    request[RECORD].principal = principal
    with pytest.raises(type(error)):
        await announce_refusals(kept, lambda: NOW)(request, handler)


@pytest.mark.parametrize(("principal", "user"), [(Principal("ann", frozenset()), "ann"), (None, "anonymous")])
async def test_a_refused_file_is_announced_with_its_user(principal: Principal | None, user: str) -> None:
    kept = Kept()
    await refused(kept, REFUSED, principal)
    (event,) = kept.events
    assert (event.subject, event.data["reason"], event.data["user"]) == ("demo-1.0.tar.gz", "demo 1.0 waits", user)


async def test_a_missing_permission_is_no_event() -> None:
    kept = Kept()
    await refused(kept, ForbiddenError("no"), None)
    assert kept.events == []
