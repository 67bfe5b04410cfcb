"""Paths of pages end in a slash."""

from support.http import Client
from wheelyard_server.web.site.site_routes import SITE_ROUTES, to_slash


async def test_every_page_without_its_slash_leads_to_it(client: Client) -> None:
    for route in SITE_ROUTES:
        if route.handler is to_slash:
            path = route.path.format(project="demo", version="1.0")
            answer = await client.get(f"{path}?a=b", allow_redirects=False)
            assert answer.status == 301
            assert str(answer.url.join(type(answer.url)(answer.headers["Location"]))).endswith(f"{path}/?a=b")
