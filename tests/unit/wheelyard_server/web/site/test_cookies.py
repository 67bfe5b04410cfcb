"""Cookies of pages belong to the host alone, and leave it only by HTTPS, or on the user's own machine."""

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from wheelyard_server.errors import InvalidRequestError
from wheelyard_server.settings import ListenAddress
from wheelyard_server.web.http.proxies import Proxies
from wheelyard_server.web.site.cookies import Cookie, SameSite, cookie_name, delete_cookie, set_cookie


def request_to(host: str, proto: str = "", path: str = "") -> web.Request:
    headers = {"Host": host, **({"X-Forwarded-Proto": proto} if proto else {})}
    request = make_mocked_request("GET", "/login/", headers)
    request._transport_peername = ("192.0.2.1", 1)
    transport: Any = request.protocol.transport
    transport.get_extra_info.side_effect = {"sockname": ("127.0.0.1", 8080)}.get
    Proxies(ListenAddress(port=8080, path=path)).begin(request)
    return request


def test_by_https_the_name_is_one_that_no_other_host_can_plant() -> None:
    assert cookie_name(request_to("pypi.example.com", "https"), "wheelyard") == "__Host-wheelyard"


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST"])
def test_on_the_own_machine_plain_http_is_enough(host: str) -> None:
    assert cookie_name(request_to(host), "wheelyard") == "wheelyard"


@pytest.mark.parametrize(
    "host", ["pypi.example.com", "localhost.example.com", "127.0.0.2", "127.0.0.1.example.com"]
)
def test_plain_http_from_elsewhere_gets_no_cookie(host: str) -> None:
    with pytest.raises(InvalidRequestError, match="need HTTPS"):
        cookie_name(request_to(host), "wheelyard")


def test_indexes_below_paths_of_one_host_have_cookies_of_their_own() -> None:
    names = {
        cookie_name(request_to("pypi.example.com", "https", path), "wheelyard")
        for path in ("", "/team-a", "/team-b")
    }
    assert len(names) == 3
    assert all(each.startswith("__Host-wheelyard") for each in names)


@pytest.mark.parametrize(
    ("host", "proto", "ending"),
    [
        ("pypi.example.com", "https", "HttpOnly; Max-Age=600; Path=/; SameSite=Lax; Secure"),
        ("localhost", "", "HttpOnly; Max-Age=600; Path=/; SameSite=Lax"),
    ],
)
def test_a_cookie_is_for_this_host_and_no_script(host: str, proto: str, ending: str) -> None:
    request, response = request_to(host, proto), web.Response()
    set_cookie(request, response, Cookie(cookie_name(request, "a"), "value", 600, SameSite.LAX))
    (cookie,) = response.cookies.values()
    assert cookie.OutputString().partition("; ")[2] == ending


def test_a_cookie_is_deleted_with_the_attributes_that_its_name_asks_for() -> None:
    request, response = request_to("pypi.example.com", "https"), web.Response()
    delete_cookie(request, response, "__Host-wheelyard")
    (cookie,) = response.cookies.values()
    assert {"Secure", "Path=/", "Max-Age=0"} <= set(cookie.OutputString().split("; "))
