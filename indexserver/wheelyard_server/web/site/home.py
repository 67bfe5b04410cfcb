"""`GET /`: how to use this index, and what is in it."""

from aiohttp import web

from wheelyard_server.access.rules import Verb
from wheelyard_server.web.site.site import SITE
from wheelyard_server.web.site.visitors import visitor


async def home(request: web.Request) -> web.Response:
    """Show the command lines that install from and publish to this index, and how many projects there are."""
    catalog = await visitor(request)
    count = len(await catalog.projects()) if Verb.READ in catalog.verbs else None
    return await request.app[SITE].page(request, "home.html", count=count)
