"""Decides whether an index may send events to its webhook: the platform team's hosts, and a sound Secret."""

from dataclasses import replace

from wheelyard_operator.condition_types import WEBHOOK_READY
from wheelyard_operator.desired.common import decoded
from wheelyard_operator.egress import EgressSettings
from wheelyard_operator.observe import ObservedIndex
from wheelyard_operator.problems import Problem
from wheelyard_operator.reconcile.upstream_policy import bundle_problem, is_listed
from wheelyard_operator.resource import PackageIndex

_KEY = "secret"


def webhook_refusal(index: PackageIndex, egress: EgressSettings) -> Problem | None:
    """Return why servers get no webhook, None if they get it or there is none."""
    webhook, namespace = index.webhook, index.meta.namespace
    if webhook is None:
        return None
    if not is_listed(webhook.host, namespace, egress.webhook_hosts):
        return Problem(
            WEBHOOK_READY,
            "HostNotAllowed",
            f"Indexes of namespace {namespace} may not send events to {webhook.host}: have it added to"
            " webhooks.allowedHosts of the operator's Helm chart.",
        )
    return bundle_problem("spec.webhook.caBundle", webhook.ca_bundle, WEBHOOK_READY)


def without_refused_webhook(observed: ObservedIndex, egress: EgressSettings) -> ObservedIndex:
    """Return what was observed, without a webhook that the platform team does not allow."""
    if webhook_refusal(observed.index, egress) is None:
        return observed
    return replace(observed, index=replace(observed.index, webhook=None))


def webhook_problem(observed: ObservedIndex, egress: EgressSettings) -> Problem | None:
    """Return why no events are sent, None if servers can send them."""
    return webhook_refusal(observed.index, egress) or _missing_secret(observed)


def _missing_secret(observed: ObservedIndex) -> Problem | None:
    """Return why events cannot be signed, None if they can."""
    webhook, namespace = observed.index.webhook, observed.index.meta.namespace
    if webhook is None or (observed.webhook_secret and decoded(observed.webhook_secret, _KEY)):
        return None
    reason, what = (
        ("SecretKeyMissing", f"has no key {_KEY}")
        if observed.webhook_secret
        else ("SecretNotFound", "does not exist")
    )
    message = f"Secret {webhook.secret_name} {what} in namespace {namespace}: it signs the events of spec.webhook."
    return Problem(WEBHOOK_READY, reason, message)
