"""`GET /`: how to use this index, and what is in it."""

from typing import NamedTuple

from aiohttp import web

from wheelyard_server.access.rules import Verb
from wheelyard_server.web.context import root_url
from wheelyard_server.web.site.site import SITE
from wheelyard_server.web.site.visitors import visitor


class Way(NamedTuple):
    """A command, by the name of its program."""

    name: str
    command: str


async def home(request: web.Request) -> web.Response:
    """Show the command lines that install from and publish to this index, and its newest releases."""
    catalog = await visitor(request)
    catalog.require_any_right()
    root, verbs = root_url(request), catalog.verbs
    readable = await catalog.projects() if Verb.READ in verbs else None
    return await request.app[SITE].page(
        request,
        "home.html",
        count=None if readable is None else len(readable),
        newest=readable.newest if readable else (),
        verbs=verbs,
        installs=installs(root),
        publishes=publishes(root),
    )


def installs(root: str) -> tuple[Way, ...]:
    """Return the commands that install from the index at this URL."""
    url = f"{root}/simple/"
    return (
        Way("uv", f"uv pip install --default-index {url} PACKAGE"),
        Way("pip", f"pip install --index-url {url} PACKAGE"),
    )


def publishes(root: str) -> tuple[Way, ...]:
    """Return the commands that publish to it."""
    url, login = f"{root}/legacy/", "--username USER --password TOKEN"
    return (
        Way("uv", f"uv publish --publish-url {url} {login}"),
        Way("twine", f"twine upload --repository-url {url} {login} dist/*"),
    )
