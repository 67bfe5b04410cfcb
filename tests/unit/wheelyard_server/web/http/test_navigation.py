"""A person who opens a page for installers gets a link to the page for people."""

from pathlib import Path

import pytest

from support.http import Client
from support.routes import publish_demo

LINK = '<a href="../../project/demo/">About demo</a>'
HTML = "text/html,application/xhtml+xml,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "mode", "has_link"),
    [
        (HTML, "navigate", True),
        (HTML, "cors", False),
        (HTML, None, False),
        ("application/vnd.pypi.simple.v1+html", "navigate", False),
    ],
)
async def test_only_a_person_gets_it(
    client: Client, tmp_path: Path, accept: str, mode: str | None, *, has_link: bool
) -> None:
    await publish_demo(client, tmp_path)
    headers = {"Accept": accept, **({"Sec-Fetch-Mode": mode} if mode else {})}
    answer = await client.get("/simple/demo/", headers=headers)
    text = await answer.text()
    assert (LINK in text) == has_link
    assert text.count("<a ") == 1 + has_link
    again = await client.get("/simple/demo/", headers={**headers, "If-None-Match": answer.headers["ETag"]})
    assert again.status == 304
    other = await client.get("/simple/demo/", headers={"If-None-Match": answer.headers["ETag"], "Accept": "*/*"})
    assert other.status == (200 if has_link or "vnd" in accept else 304)
