"""The condition SingleSignOnReady: whether people can sign in with the provider of `spec.web.oidc`."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from wheelyard_operator.condition_types import SINGLE_SIGN_ON_READY
from wheelyard_operator.policy_states import FileState
from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import SingleSignOn
from wheelyard_operator.status.conditions import Condition

CALLBACK = "login/oidc/callback/"
"""The path to which the provider sends people back, below the URL of the index."""
_LOCAL = {"localhost", "127.0.0.1", "::1"}


def single_sign_on_condition(
    sign_on: SingleSignOn, url: str, problem: Problem | None, digest: str, used: Mapping[str, FileState | None]
) -> Condition:
    """Return SingleSignOnReady. `problem` is why people cannot sign in; `url` is that of the index.

    `used` has the sessions file of each ready pod that answered, by name, None of a server that
    does not know one; `digest` is that of the current file.
    """
    if problem:
        return Condition(SINGLE_SIGN_ON_READY, "False", problem.reason, problem.message)
    if not _keeps_logins(url):
        return Condition(
            SINGLE_SIGN_ON_READY,
            "False",
            "NoHTTPS",
            "Browsers keep a login of an https URL or of localhost only: set spec.ingress.tls, spec.httpRoute or"
            " spec.external.url. Until then, kubectl wheelyard open --port PORT reaches the pages, and single"
            f" sign-on works there if http://127.0.0.1:PORT/{CALLBACK} is registered at the provider.",
        )
    return _of_servers(digest, used) or Condition(
        SINGLE_SIGN_ON_READY,
        "True",
        "Ready",
        f"People sign in at {url}login/ with {sign_on.issuer}. The provider must have the redirect URI"
        f" {url}{CALLBACK}.",
    )


def is_pending(digest: str, used: Mapping[str, FileState | None]) -> bool:
    """Return whether a server still has an earlier file."""
    return any(each and each.is_usable and each.revision != digest for each in used.values())


def _of_servers(digest: str, used: Mapping[str, FileState | None]) -> Condition | None:
    """Return what keeps servers from signing people in, None if nothing does."""
    refused = [(pod, each.error) for pod, each in sorted(used.items()) if each and not each.is_usable]
    if refused:
        pod, error = refused[0]
        message = (
            f"Index server {pod} does not use the current sessions file and keeps the previous one:"
            f" {error.rstrip('.')}. Is its image as new as the operator's? See kubectl logs {pod}."
        )
        return Condition(SINGLE_SIGN_ON_READY, "False", "SessionsFileRefused", message)
    old = sorted(pod for pod, each in used.items() if each is None)
    if old:
        message = (
            f"Index server {old[0]} has no single sign-on: its image is older than the operator's. If it is not"
            " being replaced, set indexServers.image of the operator's Helm chart."
        )
        return Condition(SINGLE_SIGN_ON_READY, "Unknown", "ServersTooOld", message)
    if is_pending(digest, used):
        message = "The index servers are getting the current provider, which takes seconds."
        return Condition(SINGLE_SIGN_ON_READY, "Unknown", "Updating", message)
    return None


def _keeps_logins(url: str) -> bool:
    """Return whether browsers keep a login of this URL: its cookie is for https, or for one's own machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in _LOCAL
