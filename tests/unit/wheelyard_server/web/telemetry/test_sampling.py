from collections.abc import Iterator
from itertools import chain, repeat

import pytest
from aiohttp.test_utils import make_mocked_request

from wheelyard_server.web.telemetry.sampling import Sampling

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = (f"00-{TRACE}-{PARENT}-{flags}" for flags in ("01", "00"))


def throws(*numbers: float) -> Iterator[float]:
    """Return these, and then none that wins."""
    return chain(numbers, repeat(1.0))


def taken(sampling: Sampling, traceparent: str = "") -> bool:
    headers = {"traceparent": traceparent} if traceparent else {}
    return sampling.samples(make_mocked_request("GET", "/", headers))


@pytest.mark.parametrize("flags", ["01", "03", "ff"])
def test_a_request_that_its_caller_traces_is_traced(flags: str) -> None:
    assert taken(Sampling(0), f"00-{TRACE}-{PARENT}-{flags}")


@pytest.mark.parametrize("flags", ["00", "02", "fe"])
def test_a_request_that_its_caller_does_not_trace_is_not_traced(flags: str) -> None:
    assert not taken(Sampling(1), f"00-{TRACE}-{PARENT}-{flags}")


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "01",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-0",
    ],
)
def test_for_all_others_there_is_the_dice(broken: str) -> None:
    dice = throws(0.09, 0.1)
    sampling = Sampling(0.1, lambda: next(dice))
    assert [taken(sampling, broken) for _ in range(3)] == [True, False, False]


def test_the_dice_is_thrown_once_for_a_request_that_is_held_back() -> None:
    dice = throws(0.5, 0)
    sampling = Sampling(0.1, lambda: next(dice))
    request = make_mocked_request("GET", "/")
    assert not sampling.leaves_to_aiohttp(request.protocol, "")
    assert sampling.leaves_to_aiohttp(request.protocol, "")
    assert sampling.samples(request)
    assert not sampling.samples(request), "the next one of the connection is another one"


def test_a_connection_that_ends_is_forgotten() -> None:
    class Connection:
        pass

    sampling, connection = Sampling(1), Connection()
    assert sampling.leaves_to_aiohttp(connection, SAMPLED)
    del connection
    assert not sampling._chosen
