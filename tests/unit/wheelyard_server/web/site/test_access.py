"""The page that shows visitors their login and their rights."""

import pytest
import yaml

from support.http import Client
from wheelyard_server.settings import Listener
from wheelyard_server.web.site.access import resource


@pytest.mark.parametrize("listener", Listener)
async def test_it_shows_the_rights_of_the_visitor_at_this_listener_and_no_others(
    client: Client, listener: Listener
) -> None:
    answer = await client.get("/access/", allow_redirects=False)
    text = await answer.text()
    if listener is Listener.EXTERNAL:
        # Anonymous clients may do nothing there.
        assert (answer.status, answer.headers["Location"]) == (303, "../login/?next=%2Faccess%2F")
        return
    assert "You are not logged in" in text
    assert "open-*, demo" in text
    assert "clients inside the cluster" in text
    for hidden in ("web.reader", "secret-", "owners", "All grants"):
        assert hidden not in text


@pytest.mark.parametrize(
    ("user", "namespace", "name"),
    [(None, "my-team", "my-user"), ("ci.web.publisher", "ci", "web.publisher"), ("admin", "my-team", "my-user")],
)
def test_the_resource_to_change_is_the_one_of_the_visitor(user: str | None, namespace: str, name: str) -> None:
    made = yaml.safe_load(resource("packages/main", user))
    assert made["metadata"] == {"name": name, "namespace": namespace}
    assert made["spec"]["indexRef"] == {"name": "main", "namespace": "packages"}


@pytest.mark.parametrize("user", ["a.b\nkind: Evil", "a.b: c", "a.{index_name}"])
def test_an_odd_user_name_does_not_get_into_the_resource(user: str) -> None:
    assert yaml.safe_load(resource("packages/main", user))["metadata"]["name"] == "my-user"


def test_an_index_without_a_name_has_no_resource_to_change() -> None:
    assert resource("", "admin") == ""
