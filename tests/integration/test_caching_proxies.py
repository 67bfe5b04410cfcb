"""Real caches, nginx and Varnish: they give no user another one's answer, nor an old one."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from clients.command import output, run
from clients.environments import UV
from support import distributions
from support.access import OWNER, PUBLISHER, READER
from support.http import auth
from support.patience import HANG_SECONDS
from support.real_proxies import caching_nginx, varnish
from support.server import Server, running

JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}


class Answer(NamedTuple):
    """What came through a proxy."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_from_cache(self) -> bool:
        return self.headers.get("X-Cache") == "HIT"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("index")
    with running(home / "server", {"folder": {"path": str(home / "data")}}) as server:
        yield server


@pytest.fixture(scope="module", params=[caching_nginx, varnish], ids=["nginx", "varnish"])
def proxy(request: pytest.FixtureRequest, index: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with request.param(tmp_path_factory.mktemp("proxy") / "home", index.url) as url:
        yield url


def get(proxy: str, path: str, headers: Mapping[str, str] | None = None) -> Answer:
    connection = HTTPConnection(urlsplit(proxy).netloc, timeout=HANG_SECONDS)
    connection.request("GET", path, headers=dict(headers or {}))
    answer: HTTPResponse = connection.getresponse()
    found = Answer(answer.status, dict(answer.getheaders()), answer.read())
    connection.close()
    return found


def publish(index: Server, path: Path) -> str:
    """Publish a file and return its path in the index."""
    variables = {"UV_PUBLISH_URL": f"{index.url}/legacy/", "UV_PUBLISH_TOKEN": PUBLISHER}
    done = run(UV, "publish", path, cwd=path.parent, variables=variables)
    assert done.returncode == 0, output(done)
    project = path.name.partition("-")[0].replace("_", "-")
    return f"/files/{project}/{hashlib.sha256(path.read_bytes()).hexdigest()}/{path.name}"


@pytest.mark.parametrize("path", ["/api/v1/whoami", "/api/v1/projects", "/simple/", "/simple/secret-mine/"])
def test_an_answer_for_one_user_is_never_given_to_another(
    index: Server, proxy: str, tmp_path: Path, path: str
) -> None:
    publish(index, distributions.wheel(tmp_path, "secret_mine"))
    for token in (PUBLISHER, READER, OWNER, None, PUBLISHER):
        headers = JSON | (auth(token) if token else {})
        for _ in range(2):
            through, direct = (get(each, path, headers) for each in (proxy, index.url))
            assert (through.status, _known(through)) == (direct.status, _known(direct))
            assert not through.is_from_cache


def _known(answer: Answer) -> object:
    body = json.loads(answer.body)
    body.pop("requestId", None)
    return body


def test_shared_caches_may_not_keep_a_file_that_needs_a_login(index: Server, proxy: str, tmp_path: Path) -> None:
    path = publish(index, distributions.wheel(tmp_path, "secret_mine"))
    for token, status in ((READER, 200), (READER, 200), (None, 401), (OWNER, 404), (READER, 200)):
        answer = get(proxy, path, auth(token) if token else {})
        assert (answer.status, answer.is_from_cache) == (status, False)


def test_responses_to_anonymous_may_be_cached_for_all_without_a_login(
    index: Server, proxy: str, tmp_path: Path
) -> None:
    wheel = distributions.wheel(tmp_path, "open_kept")
    path = publish(index, wheel)
    found = [get(proxy, path) for _ in range(3)]
    assert [each.is_from_cache for each in found] == [False, True, True]
    assert {each.body for each in found} == {wheel.read_bytes()}


@pytest.mark.parametrize("path", ["/simple/{}/", "/pypi/{}/json", "/api/v1/projects/{}"])
def test_what_was_not_there_yet_is_found_once_it_is_published(
    index: Server, proxy: str, tmp_path: Path, path: str, request: pytest.FixtureRequest
) -> None:
    project = f"open_new{hashlib.sha256(request.node.name.encode()).hexdigest()[:8]}"
    asked = path.format(project.replace("_", "-"))
    assert [get(proxy, asked).status for _ in range(2)] == [404, 404]
    file = distributions.wheel(tmp_path, project)
    publish(index, file)
    page = get(proxy, asked)
    assert page.status == 200
    publish(index, distributions.wheel(tmp_path, project, "2.0"))
    assert b"2.0" in get(proxy, asked).body


def test_redirects_are_asked_for_again(proxy: str) -> None:
    for _ in range(2):
        answer = get(proxy, "/simple/De_Mo/")
        assert (answer.status, answer.is_from_cache) == (301, False)
