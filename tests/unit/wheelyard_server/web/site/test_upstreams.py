"""The page about upstreams: for managers of the whole index, and without asking one."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from aiohttp.test_utils import TestClient

from support import distributions
from support.access import NOBODY, OWNER, READER
from support.http import Client
from support.managers import page_of, refusals, with_manager
from support.memory_storage import MemoryStorage
from support.mirrored_projects import URL, mirror, never_asked
from support.serving import LimitedServer
from wheelyard_server import app
from wheelyard_server.app import CATALOG, UPSTREAMS
from wheelyard_server.catalog.counts import KeptSize, MirrorEvent
from wheelyard_server.settings import Settings
from wheelyard_server.settings.upstreams import UpstreamSettings
from wheelyard_server.upstream import Health
from wheelyard_server.web.http.lifecycle import LIFECYCLE
from wheelyard_server.web.site.upstreams import SHOWN_GLOBS, SHOWN_UPSTREAMS, kept

PAGE = "/upstreams/"
SINCE = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    frozen = UpstreamSettings(name="frozen", url="https://frozen.example.com/simple/", offline=True)
    return msgspec.structs.replace(with_manager(settings), upstreams=(never_asked("open-*", "up-*"), frozen))


async def other(settings: Settings, storage: MemoryStorage, *upstreams: UpstreamSettings) -> str:
    """Return the page of a server with other upstreams."""
    application = app.build(msgspec.structs.replace(settings, upstreams=upstreams), storage)
    application[LIFECYCLE].started = True
    async with TestClient(LimitedServer(application, settings.limits)) as client:
        return await page_of(client, PAGE)


async def test_it_shows_each_upstream_and_counts_its_projects(
    client: Client, storage: MemoryStorage, tmp_path: Path
) -> None:
    for name in ("open_up", "up_x"):
        await mirror(storage, name.replace("_", "-"), distributions.wheel(tmp_path, name))
    text = await page_of(client, PAGE)
    assert text.index('pypi <span class="tag good">up') < text.index('frozen <span class="tag warn">offline')
    assert f"<code>{URL}</code>" in text
    assert "<code>open-*</code>, <code>up-*</code>" in text
    assert "2 projects are mirrored from it" in text
    assert "0 projects are mirrored from it" in text
    assert "no longer has" not in text
    assert "not kept" not in text


async def test_one_that_fails_says_since_when_and_why(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.app is not None
    health = Health("pypi", is_reachable=False, since=SINCE, reason="answers <b>503")
    monkeypatch.setattr(client.app[UPSTREAMS]["pypi"], "health", lambda: health)
    text = await page_of(client, PAGE)
    assert 'pypi <span class="tag bad">failing' in text
    assert "Failing since 2026-11-30 12:00 UTC" in text
    assert "The upstream pypi <bdi>answers &lt;b&gt;503" in text


async def test_files_that_were_not_kept_are_counted(client: Client) -> None:
    assert client.app is not None
    client.app[CATALOG].counts.mirrored[MirrorEvent.BOUND_REACHED] += 3
    assert "3 files were not kept" in await page_of(client, PAGE)


async def test_projects_of_a_removed_upstream_are_counted(
    settings: Settings, storage: MemoryStorage, tmp_path: Path
) -> None:
    await mirror(storage, "open-up", distributions.wheel(tmp_path, "open_up"))
    text = await other(settings, storage)
    assert "This index has no upstream" in text
    assert "spec.upstreams" in text
    assert "--upstream pypi" in text
    assert "1 project is mirrored from upstreams that this index no longer has" in text


async def test_many_upstreams_and_globs_are_cut(settings: Settings, storage: MemoryStorage) -> None:
    globs = tuple(f"glob-{number}-x" for number in range(SHOWN_GLOBS + 2))
    names = [f"up-{number}" for number in range(SHOWN_UPSTREAMS + 3)]
    many = (UpstreamSettings(name=name, url=URL, packages=globs) for name in names)
    text = await other(settings, storage, *many)
    assert text.count("<section>") == SHOWN_UPSTREAMS
    assert text.count("<code>glob-") == SHOWN_UPSTREAMS * SHOWN_GLOBS
    assert "and 2 more." in text
    assert "And 3 more." in text


async def test_others_are_refused_and_have_no_link_to_it(client: Client) -> None:
    assert await refusals(client, PAGE, NOBODY, READER, OWNER) == [303, 403, 403, 403]
    assert "upstreams/" not in await page_of(client, "/access/", OWNER)
    assert '"../upstreams/"' in await page_of(client, "/access/")


@pytest.mark.parametrize(
    ("size", "sentence"),
    [
        (KeptSize(None, None), "a size that is not measured yet, without a bound"),
        (KeptSize(2048, 1024**3), "2.0 KiB, of at most 1.0 GiB"),
    ],
)
def test_the_size_of_kept_files_has_its_bound(size: KeptSize, sentence: str) -> None:
    assert kept(size) == sentence
