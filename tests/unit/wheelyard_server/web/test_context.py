"""Which headers of proxies count."""

import pytest

from support.http import Client


@pytest.mark.parametrize(
    ("forwarded", "scheme"), [("https", "https"), ("http", "http"), ('https"><b>', "http"), ("", "http")]
)
async def test_a_proxy_says_which_scheme_the_client_uses(client: Client, forwarded: str, scheme: str) -> None:
    page = await (await client.get("/", headers={"Host": "pypi.example", "X-Forwarded-Proto": forwarded})).text()
    assert f"{scheme}://pypi.example/simple/" in page
    assert "<b>" not in page


@pytest.mark.parametrize(
    "header",
    ["X-Forwarded-Host", "X-Forwarded-For", "X-Forwarded-Prefix", "X-Real-IP", "Forwarded", "X-Original-URL"],
)
async def test_nothing_else_that_proxies_say_is_believed(client: Client, header: str) -> None:
    common = {"Host": "pypi.example", "X-Request-ID": "same"}
    plain = await client.get("/", headers=common)
    told = await client.get("/", headers={**common, header: "/evil.example"})
    assert await told.text() == await plain.text()
    assert told.headers == {**plain.headers, "Date": told.headers["Date"]}
