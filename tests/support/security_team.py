"""What a security team runs inside a cluster: a feed of advisories, and a receiver of events, in one pod."""

import json
from dataclasses import dataclass
from typing import Any

from cluster import Cluster
from support import osv
from support.pod_program import PodProgram, Program
from support.receiver import Received

NAME = "security-team"
FEED_PORT, EVENTS_PORT = 8082, 8083
ALLOWED_FEED = f"http://{NAME}.{{namespace}}.svc.cluster.local:{FEED_PORT}"
"""For the chart's `upstreams.allowedHosts`: one in the namespace of each index."""
ALLOWED_RECEIVER = f"http://{NAME}.{{namespace}}.svc.cluster.local:{EVENTS_PORT}"
"""For the chart's `webhooks.allowedHosts`."""
_FILES = (
    "support/__init__.py",
    "support/osv.py",
    "support/osv_server.py",
    "support/event_receiver.py",
)
_PUT = """
import sys, urllib.request
body = sys.stdin.buffer.read()
urllib.request.urlopen(urllib.request.Request(sys.argv[1], body, method="PUT"), timeout=20)
"""


@dataclass(frozen=True)
class SecurityTeam:
    """It runs `support.osv_server` and `support.event_receiver`."""

    cluster: Cluster
    namespace: str

    @property
    def feed_url(self) -> str:
        """Return the URL of the feed, a folder."""
        return f"http://{self._pod.host}:{FEED_PORT}/PyPI/"

    @property
    def receiver_url(self) -> str:
        """Return the URL of the receiver."""
        return f"http://{self._pod.host}:{EVENTS_PORT}/hooks/wheelyard"

    def apply(self) -> None:
        """Run both."""
        self._pod.apply()

    def wait(self) -> None:
        """Return when both answer."""
        self._pod.wait()

    def show(self, record: osv.OsvJson) -> None:
        """Have the feed show a record."""
        url = f"http://127.0.0.1:{FEED_PORT}/PyPI/{record['id']}.json"
        self._pod.run("feed", _PUT, url, stdin=json.dumps(record))

    def received(self) -> list[Received]:
        """Return what the receiver got so far, repeats included."""
        lines = [json.loads(line) for line in self._pod.printed("events")]
        return [Received(method, path, headers, body.encode()) for method, path, headers, body in lines]

    def events(self, kind: str) -> list[Any]:
        """Return the data of the events of a kind."""
        events = [each.event for each in self.received()]
        return [event["data"] for event in events if event["type"] == f"dev.wheelyard.{kind}"]

    @property
    def _pod(self) -> PodProgram:
        programs = {
            "feed": Program("support.osv_server", (str(FEED_PORT),), (FEED_PORT,)),
            "events": Program("support.event_receiver", (str(EVENTS_PORT),), (EVENTS_PORT,)),
        }
        return PodProgram(self.cluster, self.namespace, NAME, programs, _FILES)
