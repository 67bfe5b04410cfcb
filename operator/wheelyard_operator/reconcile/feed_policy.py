"""Decides whether servers may fetch advisories: the platform team's hosts, and sound certificates."""

from dataclasses import replace

from wheelyard_operator.condition_types import ADVISORIES_CURRENT
from wheelyard_operator.egress import EgressSettings
from wheelyard_operator.observe import ObservedIndex
from wheelyard_operator.problems import Problem
from wheelyard_operator.reconcile.upstream_policy import allows_host, bundle_problem
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
    return bundle_problem("spec.advisories.caBundle", feed.ca_bundle, ADVISORIES_CURRENT)


def without_refused_feed(observed: ObservedIndex, egress: EgressSettings) -> ObservedIndex:
    """Return what was observed, without a feed that the platform team does not allow."""
    if feed_refusal(observed.index, egress) is None:
        return observed
    return replace(observed, index=replace(observed.index, feed=None))
