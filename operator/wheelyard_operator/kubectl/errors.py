"""Why a command could not be done, in the words of who typed it."""

import re

from wheelyard_operator.kube import ApiError
from wheelyard_operator.resource import GROUP

_FORBIDDEN = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]*)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]*)")?'
)


class PluginError(Exception):
    """Ends the command; the text says what to do."""


def explained(error: ApiError, server: str) -> PluginError:
    """Say what the API server's refusal, or its silence, means. `server` is its URL."""
    if error.status == 0:
        return PluginError(
            f"The cluster at {server} does not answer. Is it up, and is it the one you mean? See kubectl config"
            " get-contexts, and choose with --context."
        )
    if error.status == 401:
        return PluginError(
            f"The cluster at {server} does not accept your login: log in anew as you do for kubectl."
        )
    if error.status == 403 and (found := _FORBIDDEN.search(str(error))):
        return PluginError(_refused(**found.groupdict()))
    if error.status == 404 and f"/apis/{GROUP}/" in str(error):
        return PluginError(f"The cluster at {server} has no PackageIndexes: install the operator, with its CRDs.")
    return PluginError(f"The API server refused: {error}")


def _refused(user: str, verb: str, resource: str, group: str, namespace: str | None) -> str:
    plural, _, subresource = resource.partition("/")
    kind = f"{plural}.{group}" if group else plural
    kind += f"/{subresource}" if subresource else ""
    where = f"in namespace {namespace}" if namespace else "in all namespaces"
    return (
        f"You ({user}) do not have the right to {verb} {kind} {where}. Ask whoever looks after the cluster for it;"
        " docs/kubectl.md lists the rights of each command."
    )
