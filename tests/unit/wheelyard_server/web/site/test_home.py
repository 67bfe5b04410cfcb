"""The front page."""

from pathlib import Path

from support import distributions
from support.access import PUBLISHER, READER
from support.http import Client, auth, form
from support.routes import publish_demo
from support.sessions import session_of


async def test_it_shows_how_to_use_this_index(client: Client, tmp_path: Path) -> None:
    await publish_demo(client, tmp_path)
    text = await (await client.get("/")).text()
    root = f"http://127.0.0.1:{client.port}"
    for command in (
        f"pip install --index-url {root}/simple/ PACKAGE",
        f"uv pip install --default-index {root}/simple/ PACKAGE",
        f"twine upload --repository-url {root}/legacy/ ",
        f"uv publish --publish-url {root}/legacy/ ",
    ):
        assert command in text
    assert "1 project of its own" in text
    assert "demo 1.0</a>" in text
    assert "by ci.publisher" in text


async def test_releases_that_a_visitor_may_not_read_are_not_among_the_newest(
    client: Client, tmp_path: Path
) -> None:
    path = distributions.wheel(tmp_path, "secret_x")
    assert (await client.post("/legacy/", data=form(path), headers=auth(PUBLISHER))).status == 200
    assert "secret-x" not in await (await client.get("/")).text()
    assert "secret-x 1.0" in await (await client.get("/", headers=await session_of(client, READER))).text()


async def test_a_browser_that_has_it_gets_no_second_one(client: Client) -> None:
    tag = (await client.get("/")).headers["ETag"]
    assert (await client.get("/", headers={"If-None-Match": tag})).status == 304
