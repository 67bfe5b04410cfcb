"""Decides whether servers may fetch advisories: the platform team's hosts, and sound certificates."""

from dataclasses import replace

from wheelyard_operator.condition_types import ADVISORIES_CURRENT
from wheelyard_operator.egress import EgressSettings
from wheelyard_operator.observe import ObservedIndex
from wheelyard_operator.problems import Problem
from wheelyard_operator.reconcile.upstream_policy import allows_host, is_sound
from wheelyard_operator.resource import PackageIndex


def feed_refusal(index: PackageIndex, egress: EgressSettings) -> Problem | None:
    """Return why servers fetch no advisories, None if they do or should not."""
    feed, namespace = index.feed, index.meta.namespace
    if feed is None:
        return None
    if not allows_host(feed.host, namespace, egress):
        return Problem(
            ADVISORIES_CURRENT,
            "HostNotAllowed",
            f"Indexes of namespace {namespace} may not fetch advisories from {feed.host}, so malware is not known:"
            " have this added to upstreams.allowedHosts of the operator's Helm chart, or set spec.advisories.",
        )
    if not is_sound(feed.ca_bundle):
        message = "spec.advisories.caBundle cannot be read: write certificates in PEM there."
        return Problem(ADVISORIES_CURRENT, "CABundleInvalid", message)
    return None


def without_refused_feed(observed: ObservedIndex, egress: EgressSettings) -> ObservedIndex:
    """Return what was observed, without a feed that the platform team does not allow."""
    if feed_refusal(observed.index, egress) is None:
        return observed
    return replace(observed, index=replace(observed.index, feed=None))
