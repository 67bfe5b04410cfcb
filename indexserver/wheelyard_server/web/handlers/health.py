"""`/-/healthz` and `/-/readyz`: the probes of Kubernetes."""

from aiohttp import web

from wheelyard_server.web.context import BACKGROUND
from wheelyard_server.web.http.lifecycle import LIFECYCLE
from wheelyard_server.web.http.problem_details import problem


async def healthz(_request: web.Request) -> web.Response:
    """Answer as long as the process can answer at all."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Answer whether to send requests here.

    Problems of all replicas do not count, or none would be left: an outage of the storage, or a
    background loop that fails while the last good state is in force. A loop that is stuck is this
    process's own problem.
    """
    background = request.app[BACKGROUND]
    reason = request.app[LIFECYCLE].reason_not_ready
    if reason is None and background.late:
        reason = f"stuck: {', '.join(background.late)}"
    warning = f"failing, see the log: {', '.join(background.failing)}\n" if background.failing else ""
    return problem(503, f"{reason}\n{warning}".strip()) if reason else web.Response(text=f"ok\n{warning}")
