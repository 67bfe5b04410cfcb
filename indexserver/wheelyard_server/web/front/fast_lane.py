"""The fast lane: hot pages and files, answered before aiohttp reads the request.

It takes only what it recognizes to the last byte: one whole GET or HEAD of something that is ready,
with headers that are known to be harmless, from anonymous or with a token, on a connection that is
otherwise idle. Anything else goes to aiohttp untouched. Its answers are the same, byte for byte,
and so are rights, freshness, metrics and logs. `performance.fastLane: false` turns it off.
`test_fast_lane.py` compares the two ways.
"""

import asyncio
import time

from aiohttp import web

from wheelyard_server.access.readable import ReadableProject
from wheelyard_server.settings import Listener
from wheelyard_server.web.front.answer_sender import AnswerSender
from wheelyard_server.web.front.fast_requests import FastRequestParser, RequestHeaders
from wheelyard_server.web.front.ready_answers import ReadyAnswers
from wheelyard_server.web.front.request_groups import LaneClient, RequestGroup, cut_off
from wheelyard_server.web.front.revalidation import Revalidation
from wheelyard_server.web.http.lifecycle import Lifecycle
from wheelyard_server.web.http.targets import Target
from wheelyard_server.web.telemetry.sampling import Sampling


class FastLane:
    """Groups the requests of each turn of the event loop; one check for freshness answers a group."""

    def __init__(
        self,
        answers: ReadyAnswers,
        lifecycle: Lifecycle,
        sender: AnswerSender,
        parser: FastRequestParser,
        sampling: Sampling | None = None,
    ) -> None:
        """Take requests that `parser` understands; those that `sampling` traces are left to aiohttp."""
        self.parser = parser
        self.sampling = sampling
        self._catalog = answers.catalog
        self._answers = answers
        self._lifecycle = lifecycle
        self._sender = sender
        self._revalidation = Revalidation(answers.catalog, lifecycle, self._answer_revalidated)
        self._turn: dict[tuple[Target, RequestHeaders, Listener], RequestGroup] = {}
        """The groups of this turn of the event loop."""
        self._last: RequestGroup | None = None
        """The group of the request before: most requests that come together ask the same."""

    def takes(self, client: LaneClient, data: bytes) -> bool:
        """Answer the request that is all of `data` soon, and return True; False leaves it to aiohttp."""
        group = self._last
        if group is None or data != group.data or client.listener is not group.listener:
            group = self._group(data, client.listener, client.path)
        if group is None or (self.sampling and self.sampling.leaves_to_aiohttp(client, group.headers.traceparent)):
            return False
        if not group.clients:
            if not self._turn:
                asyncio.get_running_loop().call_soon(self._end_turn)
            self._turn[group.target, group.headers, group.listener] = group
        self._last = group
        group.clients.append(client)
        return True

    def _group(self, data: bytes, listener: Listener, path: str) -> RequestGroup | None:
        """Return the group of a request, or a new one if its answer is ready; None leaves it to aiohttp."""
        parsed = self.parser.parse(data)
        if parsed is None:
            return None
        target, headers = parsed
        group = self._turn.get((target, headers, listener))
        if group is not None:
            return group
        project = self._catalog.cached_project(target.project)
        if project is None or self._lifecycle.reason_not_ready is not None:
            return None
        answer = self._answers.find(project, target, headers, listener, path)
        return answer and RequestGroup(data, target, headers, listener, path, project, answer, time.perf_counter())

    def _end_turn(self) -> None:
        """Answer each group by one check for freshness, which comes after all of its requests."""
        groups, self._turn, self._last = self._turn, {}, None
        for group in groups.values():
            try:
                if self._catalog.is_fresh(group.project):
                    self._catalog.counts.page_reads += len(group.clients)
                    self._sender.send(group, group.ready_answer)
                elif group.target.upstream and not self._catalog.is_decided(group.project):
                    group.pass_on()  # aiohttp's way sends a known file without waiting for its upstream's page.
                else:
                    self._revalidation.wait(group)
            except Exception as error:  # noqa: BLE001 - it is logged there
                cut_off(group.target.path, group.clients, error)

    def _answer_revalidated(self, group: RequestGroup, project: ReadableProject | None) -> None:
        """Answer requests from the revalidated project; None, if that failed, passes them on."""
        answer = None
        if project is not None and self._lifecycle.reason_not_ready is None:
            answer = self._answers.find(project, group.target, group.headers, group.listener, group.path)
        if project is None or answer is None:
            group.pass_on()
        else:
            self._sender.send(group, answer, project.caveat)


LANE = web.AppKey("lane", FastLane)
