from support.http import Client
from wheelyard_server.web.http.lifecycle import LIFECYCLE, Lifecycle


def lifecycle(client: Client) -> Lifecycle:
    application = client.app
    assert application is not None
    return application[LIFECYCLE]


async def test_ready_once_the_storage_is_found_to_be_ours_until_the_end(client: Client) -> None:
    assert (await client.get("/-/readyz")).status == 200
    lifecycle(client).draining = True
    assert (await client.get("/-/readyz")).status == 503
    assert (await client.get("/-/healthz")).status == 200
    assert (await client.get("/simple/")).status == 200  # who has not noticed yet is still served


async def test_nothing_is_served_from_a_storage_that_may_be_another_s(client: Client) -> None:
    lifecycle(client).started = False
    assert (await client.get("/-/readyz")).status == 503
    assert (await client.get("/-/healthz")).status == 200
    answer = await client.get("/simple/")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
