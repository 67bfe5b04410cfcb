"""Single sign-on on a cluster: what is missing is a condition, and the index serves meanwhile."""

import json

from support.here import Here
from support.mainjob import SIGN_ON_ISSUER, MainJob
from support.outside import remove


def test_the_example_says_step_by_step_what_is_missing(operator: MainJob) -> None:
    pages = Here(operator.kubectl, "pages")
    try:
        operator.apply("single-sign-on.yaml")
        operator.wait_until_ready("packageindex", "main", pages.namespace)
        message = pages.wait_for("packageindex", "main", "SingleSignOnReady", "SecretNotFound")
        assert f"Secret dex in namespace {pages.namespace} does not exist: it needs clientSecret" in message

        labels = {"wheelyard.dev/index": "main"}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "dex", "labels": labels}}
        secret["stringData"] = {"clientSecret": "s3cret"}
        operator.kubectl("-n", pages.namespace, "apply", "-f", "-", stdin=json.dumps(secret))
        # The label makes the operator look at once. The provider does not exist.
        message = pages.wait_for("packageindex", "main", "SingleSignOnReady", "ProviderUnavailable")
        assert f"{SIGN_ON_ISSUER}/.well-known/openid-configuration cannot be reached" in message
        operator.wait_until_ready("packageindex", "main", pages.namespace)
    finally:
        remove(operator.kubectl, pages.namespace)
