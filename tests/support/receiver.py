"""A receiver of events over TLS: an aiohttp server in a thread, which answers as a test says."""

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web

from support.tls import HOST, certify

SECRET = "a secret of at least 24 bytes"
PATH = "/hooks/wheelyard"


class Received(NamedTuple):
    """A request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """Return the CloudEvent."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    def is_signed_with(self, secret: str) -> bool:
        """Return whether one of its signatures was made with this secret."""
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        made = base64.b64encode(hmac.digest(secret.encode(), signed, hashlib.sha256)).decode()
        return f"v1,{made}" in self.headers["webhook-signature"].split(" ")


Answer = Callable[[Received], Awaitable[web.StreamResponse]]


async def accept(_received: Received) -> web.StreamResponse:
    """Take the event."""
    return web.Response(status=204)


def answering(status: int, **headers: str) -> Answer:
    """Return the behavior of a receiver that answers all requests alike."""

    async def answer(_received: Received) -> web.StreamResponse:
        return web.Response(status=status, headers=headers)

    return answer


async def hang(_received: Received) -> web.StreamResponse:
    """Accept the request, and never answer."""
    await asyncio.Event().wait()
    raise AssertionError


@dataclass
class Receiver:
    """A receiver that runs."""

    url: str
    authority: str
    """The certificate of its authority (PEM)."""
    port: int
    answer: Answer = accept
    received: list[Received] = field(default_factory=list)

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        """Return the events so far, repeats included."""
        found = [each.event for each in list(self.received)]
        return [event for event in found if kind in ("", event["type"].removeprefix("dev.wheelyard."))]

    def settings(self, folder: Path, **more: object) -> dict[str, object]:
        """Return the settings of a webhook that leads here, with its secret in a folder."""
        folder.mkdir(exist_ok=True)
        (folder / "secret").write_text(f"{SECRET}\n")
        allowed = [f"{HOST}:{self.port}"]
        base = {"url": self.url, "secretFolder": str(folder), "caBundle": self.authority, "allowedHosts": allowed}
        return {**base, **more}


@contextmanager
def receiver(folder: Path, port: int = 0) -> Iterator[Receiver]:
    """Run a receiver for as long as a block takes."""
    folder.mkdir(exist_ok=True)
    certificate = certify(folder, HOST)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain, certificate.key)
    made = Receiver("", certificate.authority.read_text(), port)
    loop = asyncio.new_event_loop()
    runner = loop.run_until_complete(_started(made, context))
    made.url = f"https://{HOST}:{made.port}{PATH}"
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(_end(runner))
        loop.close()


async def _end(runner: web.AppRunner) -> None:
    await runner.cleanup()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for each in others:
        each.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _started(made: Receiver, context: ssl.SSLContext) -> web.AppRunner:
    async def handle(request: web.Request) -> web.StreamResponse:
        received = Received(request.method, request.path, request.headers.copy(), await request.read())
        made.received.append(received)
        return await made.answer(received)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, HOST, made.port, ssl_context=context)
    await site.start()
    made.port = runner.addresses[0][1]
    return runner
