"""The resource that a command is about, found by what a person typed."""

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


def index_named(connection: Connection, name: str) -> PackageIndex:
    """Return a PackageIndex of the command's namespace; raise PluginError, with the names that there are."""
    found = read_index(connection.kube, Key(INDEX, connection.namespace, _without_kind(name, INDEX)))
    if found is None:
        raise _missing(connection, INDEX, name)
    return found


def user_named(connection: Connection, name: str) -> IndexUser:
    """Return an IndexUser of the command's namespace; raise PluginError, with the names that there are."""
    found = read_user(connection.kube, Key(USER, connection.namespace, _without_kind(name, USER)))
    if found is None:
        raise _missing(connection, USER, name)
    return found


def target(connection: Connection, text: str) -> PackageIndex | IndexUser:
    """Return what `index/NAME` or `user/NAME` means."""
    kind, slash, name = text.partition("/")
    if not slash or kind.lower() not in _KINDS:
        raise PluginError(f"{text!r} does not say what it is: write index/{name or text} or user/{name or text}.")
    return (index_named if _KINDS[kind.lower()] == INDEX else user_named)(connection, name)


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
        return PluginError(f"{start} There are: {', '.join(here[:_MAX_NAMES])}{more}.")
    elsewhere = _elsewhere(connection, kind)
    if elsewhere:
        return PluginError(f"{start} Other namespaces have: {', '.join(elsewhere[:_MAX_NAMES])}; choose by -n.")
    return PluginError(f"{start} Nor is there any other.")


def _elsewhere(connection: Connection, kind: str) -> list[str]:
    try:
        bodies = connection.kube.list(kind)
    except ApiError:
        # Who may not see all namespaces is not told of them.
        return []
    return sorted(f"{each['metadata']['namespace']}/{each['metadata']['name']}" for each in bodies)
