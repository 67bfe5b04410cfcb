from typing import Any

import pytest
import yaml

from unit.wheelyard_operator.fakes import condition, index_body
from unit.wheelyard_operator.reconcile.world import World
from wheelyard_operator.egress import EgressSettings

PYPI: dict[str, Any] = {"upstreams": [{"name": "pypi", "pypi": {}}]}
FEED: dict[str, Any] = {"url": "https://mirror.example.com/osv/"}
MIRROR: dict[str, Any] = {"advisories": FEED}
DEFAULT = EgressSettings.from_environment({})
CLOSED = EgressSettings.from_environment({"WHEELYARD_UPSTREAM_HOSTS": "pypi"})
MIRRORED = EgressSettings.from_environment({"WHEELYARD_UPSTREAM_HOSTS": "pypi,mirror.example.com"})
OSV = {"osv": {}, "pollSeconds": 120}


@pytest.mark.parametrize(
    ("egress", "spec", "feed", "hosts"),
    [
        (DEFAULT, PYPI, OSV, ["osv", "pypi"]),
        (DEFAULT, {**PYPI, "advisories": {"osv": {}, "poll": "1h"}}, {**OSV, "pollSeconds": 3600}, ["osv", "pypi"]),
        (DEFAULT, {**PYPI, "advisories": {"none": {}}}, None, ["pypi"]),
        (DEFAULT, {"advisories": {"osv": {}}}, OSV, ["osv"]),
        (DEFAULT, {}, None, None),
        (DEFAULT, {"upstreams": [{**PYPI["upstreams"][0], "offline": True}]}, None, ["pypi"]),
        (DEFAULT, {"policy": {}}, None, None),
        (CLOSED, PYPI, None, ["pypi"]),
        (
            MIRRORED,
            {**PYPI, **MIRROR},
            {**FEED, "pollSeconds": 120},
            ["mirror.example.com", "pypi"],
        ),
        (DEFAULT, {**PYPI, **MIRROR}, None, ["pypi"]),
        (MIRRORED, {**PYPI, "advisories": {"url": "https://osv/"}}, None, ["pypi"]),
    ],
)
def test_servers_get_a_feed_that_the_platform_team_allows(
    world: World, egress: EgressSettings, spec: Any, feed: Any, hosts: Any
) -> None:
    world.boot(egress=egress)
    world.kube.put(index_body(spec=spec))
    world.settle()
    served = yaml.safe_load(world.get("ConfigMap", "wheelyard-main")["data"]["index.yaml"])
    assert (served.get("advisories"), served.get("egress", {}).get("allowedHosts")) == (feed, hosts)


@pytest.mark.parametrize(
    ("egress", "spec", "reason"),
    [
        (CLOSED, PYPI, "HostNotAllowed"),
        (CLOSED, {**PYPI, **MIRROR}, "HostNotAllowed"),
        (MIRRORED, {**PYPI, "advisories": {**FEED, "caBundle": "no"}}, "CABundleInvalid"),
        (CLOSED, {**PYPI, "advisories": {"none": {}}}, "NotKnown"),
    ],
)
def test_a_feed_that_is_not_allowed_is_a_condition(
    world: World, egress: EgressSettings, spec: Any, reason: str
) -> None:
    world.boot(egress=egress)
    world.kube.put(index_body(spec=spec))
    world.settle()
    assert condition(world.get("PackageIndex", "main"), "AdvisoriesCurrent")["reason"] == reason
    assert world.reason() == "Serving"


def test_the_default_fetch_log_is_left_out(world: World) -> None:
    """A new key would replace the pods of every index."""
    for retention, written in (("90d", None), ("0d", {"days": 0, "addresses": "Full"})):
        world.kube.put(index_body(spec={"fetchLog": {"retention": retention, "addresses": "Full"}}))
        world.settle()
        served = yaml.safe_load(world.get("ConfigMap", "wheelyard-main")["data"]["index.yaml"])
        assert served.get("fetchLog") == written
