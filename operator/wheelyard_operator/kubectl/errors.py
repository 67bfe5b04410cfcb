"""Errors of commands, in the words of the person who typed the command."""

import re

from wheelyard_operator.kube import ApiError
from wheelyard_operator.resource import GROUP

_FORBIDDEN = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]*)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]*)")?'
)


class PluginError(Exception):
    """Ends the command; the message says what to do."""


def plugin_error(error: ApiError, server: str) -> PluginError:
    """Return the error message for a failed call to the API server. `server` is its URL."""
    if error.status == 0:
        return PluginError(
            f"The cluster at {server} does not answer. Is it up, and is it the one you mean? See kubectl config"
            " get-contexts, and choose with --context."
        )
    if error.status == 401:
        return PluginError(f"The cluster at {server} does not accept your login: log in again as for kubectl.")
    if error.status == 403 and (found := _FORBIDDEN.search(str(error))):
        return PluginError(_forbidden(**found.groupdict()))
    if error.status == 404 and f"/apis/{GROUP}/" in str(error):
        return PluginError(f"The cluster at {server} has no PackageIndexes: install the operator, with its CRDs.")
    return PluginError(f"The API server refused: {error}")


def _forbidden(user: str, verb: str, resource: str, group: str, namespace: str | None) -> str:
    plural, _, subresource = resource.partition("/")
    kind = f"{plural}.{group}" if group else plural
    kind += f"/{subresource}" if subresource else ""
    scope = f"in namespace {namespace}" if namespace else "in all namespaces"
    return (
        f"You ({user}) do not have permission to {verb} {kind} {scope}. Ask the cluster's administrators for it;"
        " docs/kubectl.md lists the permissions that each command needs."
    )
