"""A hot page at each listener: over a real connection, the fast lane applies the rules of its listener."""

from pathlib import Path

import pytest

from support import distributions
from support.access import OWNER
from support.catalogs import upload
from support.conversation import converse, served
from support.http import Client, auth
from support.memory_storage import MemoryStorage
from support.serving import statuses
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.settings import Listener
from wheelyard_server.web.front.fast_lane import FastLane
from wheelyard_server.web.front.request_groups import LaneClient

HEALTH = b"GET /-/healthz HTTP/1.1\r\nHost: a\r\n\r\n"
ANONYMOUS = b"GET /simple/demo/ HTTP/1.1\r\nHost: a\r\n\r\n"
LOGGED_IN = ANONYMOUS[:-2] + f"Authorization: {auth(OWNER)['Authorization']}\r\n\r\n".encode()


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Note the requests that the lane takes."""
    noted: list[bytes] = []
    takes = FastLane.takes

    def note(lane: FastLane, client: LaneClient, data: bytes) -> bool:
        is_taken = takes(lane, client, data)
        if is_taken:
            noted.append(data)
        return is_taken

    monkeypatch.setattr(FastLane, "takes", note)
    return noted


@pytest.mark.parametrize(
    ("listener", "found", "by_the_lane"),
    [(Listener.CLUSTER, 200, [LOGGED_IN, ANONYMOUS]), (Listener.EXTERNAL, 401, [LOGGED_IN])],
)
async def test_the_lane_knows_the_listener_of_a_connection(
    client: Client, storage: MemoryStorage, tmp_path: Path, taken: list[bytes], found: int, by_the_lane: list[bytes]
) -> None:
    await Catalog(storage).publish(upload(distributions.wheel(tmp_path)))
    await converse(served(client), [LOGGED_IN], in_turn=True)  # Now the page is cached.
    taken.clear()
    answers = await converse(served(client), [HEALTH, LOGGED_IN, ANONYMOUS], in_turn=True)
    assert statuses(answers) == [200, 200, found]
    assert taken == by_the_lane
