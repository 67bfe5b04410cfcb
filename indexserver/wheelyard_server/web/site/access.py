"""`GET /access/`: who the visitor is, what that login may do here, and what to change for other rights."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from aiohttp import web

from wheelyard_server.settings import Listener
from wheelyard_server.web.context import listener_of
from wheelyard_server.web.site.site import SITE
from wheelyard_server.web.site.visitors import visitor

_WAYS: Mapping[Listener, str] = MappingProxyType(
    {
        Listener.CLUSTER: "the listener for clients inside the cluster",
        Listener.EXTERNAL: "the listener for clients outside the cluster",
    }
)
_RESOURCE = """\
apiVersion: wheelyard.dev/v1
kind: IndexUser
metadata:
  name: {name}
  namespace: {namespace}
spec:
  indexRef:
    name: {index_name}
    namespace: {index_namespace}
  grants:
  - packages: ["acme-*"]
    verbs: [read, publish]
"""
_USER = re.compile(r"([a-z0-9-]+)\.([a-z0-9.-]+)")
"""Users of an operator's index are `<namespace>.<IndexUser>`."""


async def access(request: web.Request) -> web.Response:
    """Show the visitor's rights; managers of the whole index see the grants of everybody."""
    catalog = await visitor(request)
    catalog.require_any_right()
    site = request.app[SITE]
    return await site.page(
        request,
        "access.html",
        way=_WAYS[listener_of(request)],
        rights=catalog.rights,
        everybody=catalog.rights_of_everybody,
        resource=resource(site.index, catalog.principal.name),
    )


def resource(index: str, user: str | None) -> str:
    """Return the resource that gives a user rights on an index; "" for an index without resources."""
    namespace, slash, name = index.partition("/")
    if not slash:
        return ""
    known = _USER.fullmatch(user or "")
    return _RESOURCE.format(
        name=known[2] if known else "my-user",
        namespace=known[1] if known else "my-team",
        index_name=name,
        index_namespace=namespace,
    )
