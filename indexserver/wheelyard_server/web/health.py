"""`/-/healthz` and `/-/readyz`, for Kubernetes."""

from aiohttp import web

from wheelyard_server.web.lifecycle import LIFECYCLE


async def healthz(_request: web.Request) -> web.Response:
    """Answer as long as the process can."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Tell whether to send requests here.

    An outage of the storage does not count: it is the same for all replicas, and none would be left.
    """
    reason = request.app[LIFECYCLE].reason
    return web.Response(text=f"{reason or 'ok'}\n", status=503 if reason else 200)
