"""Finds the resource that a person typed on the command line."""

import difflib

from wheelyard_operator.kube import ApiError
from wheelyard_operator.kubectl.connection import Connection
from wheelyard_operator.kubectl.errors import PluginError
from wheelyard_operator.observe import read_index, read_user
from wheelyard_operator.resource import INDEX, USER, IndexUser, Key, PackageIndex

_KINDS = {
    **dict.fromkeys(("index", "packageindex", "packageindexes", "pkgidx"), INDEX),
    **dict.fromkeys(("user", "indexuser", "indexusers", "idxuser"), USER),
}
_MAX_NAMES = 10


def find_index(connection: Connection, name: str) -> PackageIndex:
    """Return a PackageIndex of the command's namespace; raise PluginError, which lists the existing names."""
    found = read_index(connection.kube, Key(INDEX, connection.namespace, _without_kind(name, INDEX)))
    if found is None:
        raise _missing(connection, INDEX, name)
    return found


def find_user(connection: Connection, name: str) -> IndexUser:
    """Return an IndexUser of the command's namespace; raise PluginError, which lists the existing names."""
    found = read_user(connection.kube, Key(USER, connection.namespace, _without_kind(name, USER)))
    if found is None:
        raise _missing(connection, USER, name)
    return found


def find_target(connection: Connection, text: str) -> PackageIndex | IndexUser:
    """Return the resource that `index/NAME` or `user/NAME` names."""
    kind, slash, name = text.partition("/")
    if not slash or kind.lower() not in _KINDS:
        raise PluginError(f"{text!r} does not name a kind: write index/{name or text} or user/{name or text}.")
    return (find_index if _KINDS[kind.lower()] == INDEX else find_user)(connection, name)


def _without_kind(text: str, kind: str) -> str:
    prefix, slash, name = text.partition("/")
    return name if slash and _KINDS.get(prefix.lower()) == kind else text


def _missing(connection: Connection, kind: str, name: str) -> PluginError:
    namespace = connection.namespace
    here = sorted(each["metadata"]["name"] for each in connection.kube.list(kind, namespace))
    start = f"There is no {kind} {name} in namespace {namespace}."
    close = difflib.get_close_matches(name, here, n=1)
    if close:
        return PluginError(f"{start} Did you mean {close[0]}?")
    if here:
        more = f" and {len(here) - _MAX_NAMES} more" if len(here) > _MAX_NAMES else ""
        return PluginError(f"{start} Existing ones: {', '.join(here[:_MAX_NAMES])}{more}.")
    elsewhere = _elsewhere(connection, kind)
    if elsewhere:
        return PluginError(
            f"{start} Other namespaces have: {', '.join(elsewhere[:_MAX_NAMES])}; choose one with -n."
        )
    return PluginError(f"{start} No namespace has one.")


def _elsewhere(connection: Connection, kind: str) -> list[str]:
    try:
        bodies = connection.kube.list(kind)
    except ApiError:
        # The user may not list all namespaces, so none is named.
        return []
    return sorted(f"{each['metadata']['namespace']}/{each['metadata']['name']}" for each in bodies)
