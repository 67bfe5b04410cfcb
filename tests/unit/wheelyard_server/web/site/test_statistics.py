"""The statistics of a project: numbers of downloads, and nothing about who fetched."""

import re
from datetime import date, timedelta
from pathlib import Path

from support import distributions
from support.access import PUBLISHER
from support.http import Client, auth, form
from wheelyard_server.app import CATALOG
from wheelyard_server.catalog.fetches.answers import OfDay, Uses
from wheelyard_server.web.site.statistics import DAYS, MAX_SHARES, bars, shares

TODAY = date(2026, 5, 1)


def of(day: date = TODAY, version: str = "1.0", client: str = "pip", fetches: int = 1) -> tuple[OfDay, Uses]:
    return OfDay(day, version, client), Uses(0, 0, fetches)


async def test_downloads_are_counted_by_version_and_installer(client: Client, tmp_path: Path) -> None:
    wheel = distributions.wheel(tmp_path)
    assert (await client.post("/legacy/", data=form(wheel), headers=auth(PUBLISHER))).status == 200
    link = re.findall(r'href="([^"]*/download/[^"]*whl)"', await (await client.get("/project/demo/files/")).text())[
        0
    ]
    for agent in ("pip/26.0", "uv/0.9", "uv/0.9"):
        path = f"/project/demo/{link.partition('/project/demo/')[2]}"
        assert (await client.get(path, headers={"User-Agent": agent})).status == 200
    assert client.app is not None
    await client.app[CATALOG].fetches.flush()
    text = await (await client.get("/project/demo/statistics/")).text()
    assert "3 downloads in the last 90 days" in text
    rows = re.findall(r"<bdi>(.*?)</bdi></td><td[^>]*>(.*?)</td>", text)
    assert rows == [("1.0", "3"), ("uv", "2"), ("pip", "1")]
    assert text.count("<rect x=") == 1
    assert "127.0.0.1" not in text


async def test_a_project_without_downloads_has_no_plot(client: Client, tmp_path: Path) -> None:
    data = form(distributions.wheel(tmp_path))
    assert (await client.post("/legacy/", data=data, headers=auth(PUBLISHER))).status == 200
    text = await (await client.get("/project/demo/statistics/")).text()
    assert "0 downloads" in text
    assert "<svg" not in text


async def test_a_missing_project_has_no_statistics(client: Client) -> None:
    assert (await client.get("/project/open-nothing/statistics/")).status == 404


def test_the_plot_ends_today_and_its_highest_day_has_the_full_height() -> None:
    found = bars([of(fetches=400), of(TODAY - timedelta(days=1)), of(TODAY - timedelta(days=DAYS))], TODAY)
    assert len(found) == DAYS
    assert (found[-1].day, found[-1].fetches, found[-1].y, found[-1].height) == ("2026-05-01", 400, 0, 100)
    assert found[-2].height == 1
    assert sum(each.fetches for each in found) == 401


def test_rare_versions_are_one_row() -> None:
    rows = [of(version=f"{number}.0", fetches=2) for number in range(MAX_SHARES)] + [
        of(version="9.9"),
        of(version=""),
    ]
    found = shares(rows, lambda each: each.version)
    assert (len(found), found[-1].name, found[-1].fetches) == (MAX_SHARES + 1, "all others", 2)
