"""What the metrics port says about the bytes of upstreams that are kept."""

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from wheelyard_server.catalog.counts import Counts, KeptSize, MirrorEvent
from wheelyard_server.web.telemetry.upstream_metrics import KeptMetrics, UpstreamStates


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        (KeptSize(None, None), []),
        (KeptSize(0, None), ["wheelyard_mirrored_bytes 0.0"]),
        (KeptSize(7, 10), ["wheelyard_mirrored_bytes 7.0", "wheelyard_mirrored_max_bytes 10.0"]),
    ],
)
def test_a_size_is_exported_once_it_is_known(kept: KeptSize, expected: list[str]) -> None:
    registry = CollectorRegistry()
    registry.register(KeptMetrics(lambda: kept))
    lines = generate_latest(registry).decode().splitlines()
    assert [line for line in lines if not line.startswith("#")] == expected


def test_the_answer_to_the_operator_has_the_size_and_its_limit() -> None:
    counts = Counts()
    counts.mirrored[MirrorEvent.BOUND_REACHED] = 3
    described = UpstreamStates((), counts, lambda: KeptSize(7, 10)).described()
    assert described == {"upstreams": [], "unkept": 3, "keptBytes": 7, "maxKeptBytes": 10}
