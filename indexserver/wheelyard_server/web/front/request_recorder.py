"""Metrics and log lines of the requests that the fast lane has answered."""

import time
from collections.abc import Sequence
from http import HTTPStatus

from wheelyard_server.web.front.request_groups import LaneClient, RequestGroup
from wheelyard_server.web.http.headers import END_OF_HEADERS
from wheelyard_server.web.telemetry.collectors import RequestMetrics
from wheelyard_server.web.telemetry.logs import REQUEST, RequestLog


class RequestRecorder:
    """Records answers as aiohttp's way does, several at a time."""

    def __init__(self, metrics: RequestMetrics, log: RequestLog) -> None:
        self._metrics = metrics
        self._log = log

    def record(
        self,
        group: RequestGroup,
        answered: Sequence[tuple[LaneClient, bytes]],
        status: HTTPStatus,
        head_size: int,
        body_size: int,
    ) -> None:
        """Count and log answers of the same size that have been sent, by client and request id."""
        target, headers, count = group.target, group.headers, len(answered)
        seconds = time.perf_counter() - group.began
        self._metrics.count_answers(target.route, target.method, status, seconds, count)
        self._metrics.count_bodies(headers.client_family, body_size, count=count)
        self._metrics.count_login(headers.reader.method, "accepted", count)
        if not self._log.enabled:
            return
        now, size = time.time(), head_size + body_size + len(END_OF_HEADERS)
        for client, request_id in answered:
            sender = client.sender(headers.forwarded_for)
            line = REQUEST % (sender, target.method, target.path, status, size + len(request_id), seconds)
            self._log.log_request(now, request_id.decode(), line)
