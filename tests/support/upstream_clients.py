"""Upstreams as the server opens them from its settings, whose hosts are allowed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from support.scripted_server import Answer, Reply, ScriptedServer, in_turn, scripted
from support.upstreams.running import Upstream as Running
from wheelyard_server.settings import Settings, parse
from wheelyard_server.upstream import FileStream, Upstream
from wheelyard_server.upstream.opening import open_upstreams

NOWHERE = "/nonexistent"


def settings_of(*upstreams: dict[str, Any], **egress: Any) -> Settings:
    """Return the settings of a server with these upstreams."""
    places = {"storage": {"folder": {"path": NOWHERE}}, "accessFile": NOWHERE, "scratchFolder": NOWHERE}
    return parse(msgspec.json.encode({**places, "upstreams": upstreams, "egress": egress}))


def with_login(running: Running, folder: Path) -> dict[str, Any]:
    """Return the settings of an upstream's login, which is written to the folder, if it needs one."""
    if not running.kind.user:
        return {}
    (folder / "username").write_text(running.kind.user)
    (folder / "password").write_text(running.kind.password)
    return {"credentialsFolder": str(folder)}


@asynccontextmanager
async def opened(
    url: str, *, allowed: Sequence[str], egress: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[Upstream]:
    """Open an upstream for as long as a block takes."""
    made = open_upstreams(
        settings_of({"name": "other", "url": url, **settings}, **{"allowedHosts": allowed, **(egress or {})})
    )
    [upstream] = made.values()
    try:
        yield upstream
    finally:
        await upstream.close()


@asynccontextmanager
async def opened_of(running: Running, folder: Path, **settings: Any) -> AsyncIterator[Upstream]:
    """Open an upstream of the tests, with its login and both of its hosts."""
    login = {**with_login(running, folder), **settings}
    async with opened(running.url, allowed=running.hosts, fileHosts=running.hosts, **login) as upstream:
        yield upstream


async def read_all(stream: FileStream) -> bytes:
    """Return the bytes of a stream."""
    return b"".join([chunk async for chunk in stream.chunks])


@asynccontextmanager
async def asked(*replies: Reply, **settings: Any) -> AsyncIterator[tuple[ScriptedServer, Upstream]]:
    """Run a server that gives these replies in turn, the last one again and again, and open it as an upstream."""
    async with asked_by(in_turn(*replies), **settings) as both:
        yield both


@asynccontextmanager
async def asked_by(answer: Answer, **settings: Any) -> AsyncIterator[tuple[ScriptedServer, Upstream]]:
    """Run a server that answers in this way, and open it as an upstream."""
    async with scripted(answer) as server:
        settings = {"allowed": [server.host], **settings}
        async with opened(server.url, **settings) as client:
            yield server, client
