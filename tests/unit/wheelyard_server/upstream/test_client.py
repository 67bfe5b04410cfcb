"""An upstream over HTTP, against the eight kinds of indexes of the tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.upstream_clients import opened, opened_of, read_all
from support.upstreams.kinds import KINDS
from support.upstreams.running import Upstream, upstream
from wheelyard_server.errors import (
    UpstreamAnswerError,
    UpstreamCredentialsError,
    UpstreamFileMissingError,
    UpstreamUnavailableError,
)
from wheelyard_server.names import parse_project_name
from wheelyard_server.upstream import Absent, Page, Unchanged, WantedPart

APP = parse_project_name("public-app")
MISSING = parse_project_name("no-such-project")


@pytest.fixture(params=KINDS)
def running(request: pytest.FixtureRequest) -> Iterator[Upstream]:
    with upstream(request.param) as made:
        yield made


@pytest.fixture
def pypi() -> Iterator[Upstream]:
    with upstream("pypi") as made:
        yield made


async def test_pages_and_files_of_every_kind_are_read(running: Upstream, tmp_path: Path) -> None:
    async with opened_of(running, tmp_path) as client:
        page = await client.page(APP)
        assert isinstance(page, Page)
        assert {file.filename for file in page.files} >= {
            file.filename for file in running.stock.project(APP).listed
        }
        for file in page.files:
            made = running.stock.project(APP).file(file.filename)
            whole = await client.open(file.url)
            assert (whole.start, whole.size) == (0, len(made.body))
            assert await read_all(whole) == made.body
            part = await client.open(file.url, WantedPart(3, 11, whole.validator))
            assert (await read_all(part))[3 - part.start : 11 - part.start] == made.body[3:11]
            if file.core_metadata is not None:
                assert await client.read(f"{file.url}.metadata", 10_000) == made.metadata
        assert client.health().is_reachable


async def test_a_page_that_has_not_changed_is_not_sent_again(running: Upstream, tmp_path: Path) -> None:
    async with opened_of(running, tmp_path) as client:
        page = await client.page(APP)
        assert isinstance(page, Page)
        if page.etag:
            assert isinstance(await client.page(APP, page.etag), Unchanged)


async def test_a_project_that_does_not_exist_is_absent(running: Upstream, tmp_path: Path) -> None:
    absent_on = [403] if running.kind.name == "pytorch" else []
    async with opened_of(running, tmp_path, absentOn=absent_on) as client:
        assert isinstance(await client.page(MISSING), Absent)


async def test_a_missing_file_is_missing_and_its_host_stays_healthy(pypi: Upstream, tmp_path: Path) -> None:
    async with opened_of(pypi, tmp_path) as client:
        page = await client.page(APP)
        assert isinstance(page, Page)
        with pytest.raises(UpstreamFileMissingError, match="no such file any more"):
            await client.open(f"{page.files[0].url}x")
        assert client.health().is_reachable


async def test_an_upstream_that_is_offline_is_not_asked(pypi: Upstream) -> None:
    async with opened(pypi.url, allowed=pypi.hosts, offline=True) as client:
        with pytest.raises(UpstreamUnavailableError, match="is set to `offline`"):
            await client.page(APP)
        with pytest.raises(UpstreamUnavailableError):
            await client.open(f"{pypi.url}a")
        with pytest.raises(UpstreamUnavailableError):
            await client.read(f"{pypi.url}a", 1)
    assert not pypi.log


async def test_credentials_that_are_missing_are_said_to_be_wanted() -> None:
    with upstream("artifactory") as running:
        async with opened(running.url, allowed=running.hosts) as client:
            with pytest.raises(UpstreamCredentialsError, match="answers 401, so it wants credentials"):
                await client.page(APP)
            assert not client.health().is_reachable


async def test_a_host_that_is_not_listed_gets_no_request(pypi: Upstream) -> None:
    async with opened(pypi.url, allowed=["pypi"]) as client:
        with pytest.raises(UpstreamAnswerError, match=r"`upstreams.allowedHosts` of the chart does not list"):
            await client.page(APP)
        assert not client.health().is_reachable
    assert not pypi.log
