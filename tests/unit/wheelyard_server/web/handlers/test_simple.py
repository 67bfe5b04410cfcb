import gzip
import re
from pathlib import Path
from urllib.parse import urljoin

import pytest

from support import distributions
from support.access import NOBODY, PUBLISHER, READER
from support.http import Client, auth, form
from support.memory_storage import Fault, MemoryStorage

JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}


@pytest.fixture
async def client(client: Client, tmp_path: Path) -> Client:
    """Return an index that holds demo, open-a and secret-a."""
    for name in ("demo", "open_a", "secret_a"):
        path = distributions.wheel(tmp_path, name, extra="Requires-Python: >=3.9\n")
        answer = await client.post("/legacy/", data=form(path), headers=auth(PUBLISHER))
        assert answer.status == 200
    return client


async def test_a_project_as_json(client: Client) -> None:
    answer = await client.get("/simple/demo/", headers=JSON)
    assert answer.headers["Content-Type"] == "application/vnd.pypi.simple.v1+json"
    page = await answer.json(content_type=None)
    (file,) = page.pop("files")
    assert page == {
        "meta": {"api-version": "1.4", "_last-serial": int(answer.headers["X-PyPI-Last-Serial"])},
        "name": "demo",
        "project-status": {"status": "active"},
        "versions": ["1.0"],
    }
    assert file["yanked"] is False
    assert file["filename"] == "demo-1.0-py3-none-any.whl"
    assert file["url"] == f"../../files/demo/{file['hashes']['sha256']}/demo-1.0-py3-none-any.whl"
    assert file["requires-python"] == ">=3.9"
    assert file["upload-time"].endswith("Z")
    assert set(file["core-metadata"]) == {"sha256"}
    assert file["size"] > 100


async def test_a_project_as_html_escapes_what_it_shows(client: Client) -> None:
    answer = await client.get("/simple/demo/")
    text = await answer.text()
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert 'data-requires-python="&gt;=3.9"' in text
    assert '<meta name="pypi:repository-version" content="1.4">' in text
    assert ">demo-1.0-py3-none-any.whl</a>" in text


async def test_the_root_lists_readable_projects(client: Client) -> None:
    async def names(headers: dict[str, str]) -> list[str]:
        page = await (await client.get("/simple/", headers={**JSON, **headers})).json(content_type=None)
        return [project["name"] for project in page["projects"]]

    assert await names({}) == ["demo", "open-a"]
    assert await names(auth(READER)) == ["demo", "open-a", "secret-a"]
    assert '<a href="open-a/">open-a</a>' in await (await client.get("/simple/")).text()


@pytest.mark.parametrize("path", ["/simple/open-a", "/simple/Open_A/", "/simple/OPEN.a"])
async def test_other_spellings_are_redirected(client: Client, path: str) -> None:
    answer = await client.get(path, allow_redirects=False)
    assert (answer.status, urljoin(path, answer.headers["Location"])) == (301, "/simple/open-a/")


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        ("/simple/open-none/", None, 404),
        ("/simple/secret-a/", None, 401),
        ("/simple/secret-none/", None, 401),
        ("/simple/secret-a/", NOBODY, 404),
        ("/simple/secret-none/", READER, 404),
        ("/simple/secret-a/", READER, 200),
        ("/simple/demo/", "wrong", 401),
        ("/simple/a%00b/", None, 404),
    ],
)
async def test_read_grants_decide_about_a_project(
    client: Client, path: str, token: str | None, status: int
) -> None:
    answer = await client.get(path, headers=auth(token) if token else {}, allow_redirects=False)
    assert answer.status == status
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


async def test_an_unknown_etag_gets_the_page_and_a_known_one_304(client: Client) -> None:
    etags = set()
    for headers in ({}, JSON, {"Accept-Encoding": "gzip"}):
        etag = (await client.get("/simple/demo/", headers=headers)).headers["ETag"]
        etags.add(etag)
        again = await client.get("/simple/demo/", headers={**headers, "If-None-Match": f'"x", W/{etag}'})
        assert (again.status, await again.read()) == (304, b"")
        assert again.headers["ETag"] == etag
        assert (await client.get("/simple/demo/", headers={**headers, "If-None-Match": '"x"'})).status == 200
    assert len(etags) == 3


async def test_a_page_is_compressed_for_clients_that_accept_it(client: Client) -> None:
    plain = await (await client.get("/simple/demo/", headers={"Accept-Encoding": "identity"})).read()
    answer = await client.get("/simple/demo/", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(await answer.read()) == plain
    assert answer.headers["Vary"] == "Accept, Accept-Encoding, Authorization, Origin"


async def test_nothing_acceptable_is_406(client: Client) -> None:
    assert (await client.get("/simple/demo/", headers={"Accept": "image/png"})).status == 406


async def test_in_an_outage_an_unknown_project_is_503_with_retry_after(
    client: Client, storage: MemoryStorage
) -> None:
    storage.fail_at(1, Fault.LOST_REQUEST)
    answer = await client.get("/simple/open-unknown/")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")


async def test_in_an_outage_a_known_project_is_shown_and_marked_as_stale(
    client: Client, storage: MemoryStorage
) -> None:
    before = await client.get("/simple/demo/")
    assert "Cache-Status" not in before.headers
    storage.fail_at(1, Fault.LOST_REQUEST, times=100)
    answer = await client.get("/simple/demo/")
    assert answer.status == 200
    assert await answer.read() == await before.read()
    assert answer.headers["Cache-Status"].startswith("Wheelyard; hit; ttl=-")
    storage.recover()
    assert "Cache-Status" not in (await client.get("/simple/demo/")).headers


async def test_every_answer_has_the_security_headers(client: Client) -> None:
    for path in ("/", "/simple/", "/simple/none/", "/none", "/-/healthz"):
        headers = (await client.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Server"] == "wheelyard"


@pytest.mark.parametrize("upload_path", ["/legacy/", "/", "/simple/", "/pypi/"])
async def test_hatch_finds_published_files_below_its_upload_url(client: Client, upload_path: str) -> None:
    look_up = f"{upload_path}%2Bsimple/"
    answer = await client.get(f"{look_up}demo/")
    assert answer.content_type == "text/html"
    (found,) = re.findall('^<a href="([^"]*)">demo-1.0-py3-none-any.whl</a>\n$', await answer.text())
    assert urljoin(f"{look_up}demo/", found) == "/simple/demo/"
    assert (await client.get(f"{look_up}secret-a/")).status == 401
    assert (await client.get(f"{look_up}secret-a/", headers=auth(READER))).status == 200
