"""`GET /`: the page that shows how to use this index."""

from aiohttp import web

from wheelyard_server.web.context import root_url
from wheelyard_server.web.pages.project_page import templates

INDEX_NAME = web.AppKey("index_name", str)


async def welcome(request: web.Request) -> web.Response:
    """Show the command lines that install from and publish to this index."""
    template = templates.get_template("welcome.html")
    text = template.render(index=request.app[INDEX_NAME], root=root_url(request))
    return web.Response(text=text, content_type="text/html")
