"""The condition SingleSignOnReady: whether people can sign in with the provider of `spec.web.oidc`."""

from urllib.parse import urlsplit

from wheelyard_operator.condition_types import SINGLE_SIGN_ON_READY
from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import SingleSignOn
from wheelyard_operator.status.conditions import Condition

CALLBACK = "login/oidc/callback/"
"""The path to which the provider sends people back, below the URL of the index."""
_LOCAL = {"localhost", "127.0.0.1", "::1"}


def single_sign_on_condition(sign_on: SingleSignOn, url: str, problem: Problem | None) -> Condition:
    """Return SingleSignOnReady. `problem` is why people cannot sign in; `url` is that of the index."""
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
    return Condition(
        SINGLE_SIGN_ON_READY,
        "True",
        "Ready",
        f"People sign in at {url}login/ with {sign_on.issuer}. The provider must have the redirect URI"
        f" {url}{CALLBACK}.",
    )


def _keeps_logins(url: str) -> bool:
    """Return whether browsers keep a login of this URL: its cookie is for https, or for one's own machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in _LOCAL
