"""The list of projects, and the search in it."""

import re
from pathlib import Path

import pytest

from support import distributions
from support.access import PUBLISHER
from support.http import Client, auth, form
from support.memory_storage import MemoryStorage
from support.mirrored_projects import mirror
from wheelyard_server.web.site.projects import MAX_QUERY_LENGTH, ROWS, Links, links


async def publish(client: Client, folder: Path, name: str, summary: str) -> None:
    path = distributions.wheel(folder, name, extra=f"Summary: {summary}\n")
    assert (await client.post("/legacy/", data=form(path), headers=auth(PUBLISHER))).status == 200


async def names(client: Client, query: str = "") -> list[str]:
    text = await (await client.get(f"/projects/{query}")).text()
    return re.findall(r'class="name" href="\.\./project/([^/]+)/"', text)


async def test_projects_with_the_words_in_their_names_come_before_those_with_them_in_the_summary(
    client: Client, tmp_path: Path
) -> None:
    await publish(client, tmp_path, "open_web", "Everything")
    await publish(client, tmp_path, "open_api", "A web framework")
    await publish(client, tmp_path, "open_maps", "Maps")
    assert await names(client) == ["open-api", "open-maps", "open-web"]
    assert await names(client, "?q=WEB") == ["open-web", "open-api"]
    assert await names(client, "?q=framework+api") == ["open-api"]
    assert await names(client, "?q=nothing") == []


async def test_projects_that_the_visitor_may_not_read_are_neither_listed_nor_counted(
    client: Client, tmp_path: Path
) -> None:
    await publish(client, tmp_path, "secret_web", "Hidden")
    await publish(client, tmp_path, "open_web", "Shown")
    text = await (await client.get("/projects/?q=web")).text()
    assert "secret" not in text
    assert "Hidden" not in text
    assert "1 project with" in text


async def test_a_mirrored_project_says_from_which_upstream(
    client: Client, storage: MemoryStorage, tmp_path: Path
) -> None:
    await mirror(storage, "open-up", distributions.wheel(tmp_path, "open_up"))
    text = await (await client.get("/projects/")).text()
    assert "from pypi" in text


async def test_what_is_searched_and_found_is_text_and_no_markup(client: Client, tmp_path: Path) -> None:
    await publish(client, tmp_path, "open_web", "<b>bold</b>")
    text = await (await client.get("/projects/", params={"q": '"><b>'})).text()
    assert "<b>" not in text
    text = await (await client.get("/projects/")).text()
    assert "&lt;b&gt;bold" in text


@pytest.mark.parametrize("page", ["0", "-1", "x", "1e3", "9999999", "٣", ""])
async def test_a_page_that_is_no_number_is_refused(client: Client, page: str) -> None:
    answer = await client.get("/projects/", params={"page": page})
    assert answer.status == 400
    assert "`page` must be a number" in (await answer.text()).replace("&#39;", "'")


@pytest.mark.parametrize("query", ["a" * (MAX_QUERY_LENGTH + 1), "a " * 11])
async def test_a_long_search_is_refused(client: Client, query: str) -> None:
    assert (await client.get("/projects/", params={"q": query})).status == 400


async def test_a_page_after_the_last_one_leads_back(client: Client, tmp_path: Path) -> None:
    await publish(client, tmp_path, "open_web", "Shown")
    text = await (await client.get("/projects/?page=7")).text()
    assert "after the last one" in text
    assert 'rel="prev" href="?"' in text


@pytest.mark.parametrize(
    ("query", "number", "count", "expected"),
    [
        ("", 1, ROWS, None),
        ("", 1, ROWS + 1, Links("Page 1 of 2", "", "?page=2")),
        ("a b", 2, 3 * ROWS, Links("Page 2 of 3", "?q=a+b", "?q=a+b&page=3")),
        ("", 3, 3 * ROWS, Links("Page 3 of 3", "?page=2", "")),
    ],
)
def test_pages_have_links_to_those_around_them(query: str, number: int, count: int, expected: Links | None) -> None:
    assert links(query, number, count) == expected
