"""The upstreams of the tests: what clients cannot show of them, and their faults."""

import base64
import gzip
import http.client
import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest

from support.fetching import fetch
from support.patience import HANG_SECONDS
from support.upstreams import faults
from support.upstreams.faults import Fault
from support.upstreams.kinds import KINDS
from support.upstreams.pages import JSON
from support.upstreams.products import GitLab, Nexus
from support.upstreams.running import Upstream, upstream
from support.upstreams.signed import Signing
from support.upstreams.stock import APP, NEEDED, TENSOR


@pytest.fixture
def pypi() -> Iterator[Upstream]:
    with upstream() as running:
        yield running


def page(running: Upstream, project: str = NEEDED) -> dict[str, list[dict[str, str]]]:
    """Return the JSON page of a project."""
    found: dict[str, list[dict[str, str]]] = json.loads(fetch(f"{running.url}{project}/", Accept=JSON).body)
    return found


def file_url(running: Upstream, project: str = NEEDED) -> str:
    """Return the URL of the project's first file."""
    return page(running, project)["files"][0]["url"]


def test_pypi_has_all_keys(pypi: Upstream) -> None:
    file = page(pypi)["files"][0]
    assert set(file) == {
        "filename",
        "url",
        "hashes",
        "requires-python",
        "size",
        "upload-time",
        "yanked",
        "core-metadata",
        "data-dist-info-metadata",
        "provenance",
    }
    assert fetch(f"{file['url']}.metadata").status == 200
    assert b"made-for" in fetch(file["provenance"]).body
    assert not file["url"].startswith(pypi.url.removesuffix("/simple/"))


def test_pypi_redirects_other_spellings(pypi: Upstream) -> None:
    for spelling in ("Public.Needed/", "public_needed", "public-needed"):
        status, headers, *_ = fetch(f"{pypi.url}{spelling}")
        assert (status, headers["Location"]) == (301, f"/simple/{NEEDED}/")


def test_a_page_is_compressed_and_conditional(pypi: Upstream) -> None:
    url = f"{pypi.url}{NEEDED}/"
    _, headers, body, _ = fetch(url, Accept=JSON, Accept_Encoding="gzip")
    assert json.loads(gzip.decompress(body))["name"] == NEEDED
    assert headers["ETag"].startswith('W/"')
    assert fetch(url, Accept=JSON, If_None_Match=headers["ETag"]).status == 304
    pypi.stock.wheel(NEEDED, "3.0")
    assert fetch(url, Accept=JSON, If_None_Match=headers["ETag"]).status == 200


def test_a_file_has_ranges(pypi: Upstream) -> None:
    url = file_url(pypi)
    whole = fetch(url).body
    status, headers, body, _ = fetch(url, Range="bytes=10-19")
    assert (status, body, headers["Content-Range"]) == (206, whole[10:20], f"bytes 10-19/{len(whole)}")
    assert fetch(url, Accept_Encoding="gzip").body == whole
    assert fetch(url, Range="bytes=-5").body == whole[-5:]
    assert fetch(url, Range="bytes=10-", If_Range='"other"').body == whole
    assert fetch(url, Range=f"bytes={len(whole)}-").status == 416


def test_pytorch_refuses_what_it_lacks_and_a_bare_plus_sign() -> None:
    with upstream("pytorch") as running:
        assert fetch(f"{running.url}absent/").status == 403
        body = fetch(f"{running.url}{TENSOR}/").body.decode()
        url = body.partition('href="')[2].partition("#")[0]
        assert "%2Bcu124" in url
        assert fetch(url).status == 200
        assert fetch(url.replace("%2B", "+")).status == 403
        assert fetch(url.replace("%2B", "%252B")).status == 403


@pytest.mark.parametrize("kind", ["codeartifact", "azure"])
def test_a_signed_url_takes_no_login_and_expires(kind: str) -> None:
    with upstream(kind) as running:
        login = login_of(running)
        body = fetch(f"{running.url}{NEEDED}/", Authorization=login).body.decode()
        link = urljoin(f"{running.url}{NEEDED}/", body.partition('href="')[2].partition("#")[0])
        assert fetch(link).status == 401
        status, headers, *_ = fetch(link, Authorization=login)
        assert status in {302, 303}
        assert fetch(headers["Location"]).status == 200
        assert fetch(headers["Location"], Authorization=login).status == 400
        assert isinstance(running.kind, Signing)
        running.kind.expire_urls()
        assert fetch(headers["Location"]).status == 403


def login_of(running: Upstream) -> str:
    """Return the header of the right login."""
    return "Basic " + base64.b64encode(f"{running.kind.user}:{running.kind.password}".encode()).decode()


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if kind.user])
def test_a_token_expires(kind: str) -> None:
    with upstream(kind) as running:
        login = login_of(running)
        assert fetch(f"{running.url}{NEEDED}/", Authorization=login).status == 200
        running.kind.password = "another"
        status, headers, *_ = fetch(f"{running.url}{NEEDED}/", Authorization=login)
        assert status == 401
        assert headers["WWW-Authenticate"].startswith("Basic ")


def test_a_nexus_group_answers_with_an_empty_page() -> None:
    with upstream("nexus") as running:
        assert fetch(f"{running.url}absent/").status == 404
        assert isinstance(running.kind, Nexus)
        running.kind.is_group = True
        status, _, body, _ = fetch(f"{running.url}absent/")
        assert status == 200
        assert b"<a " not in body


def test_gitlab_forwards_what_it_lacks() -> None:
    with upstream("gitlab") as running:
        assert isinstance(running.kind, GitLab)
        running.kind.forwards_to = "https://packages.example.com/simple/"
        status, headers, *_ = fetch(f"{running.url}absent/", Authorization=login_of(running))
        assert (status, headers["Location"]) == (302, "https://packages.example.com/simple/absent")


def test_a_removed_file_can_stay_at_its_url(pypi: Upstream) -> None:
    first = page(pypi)["files"][0]
    pypi.stock.change(NEEDED, first["filename"], is_listed=False)
    assert first["filename"] not in {file["filename"] for file in page(pypi)["files"]}
    assert fetch(first["url"]).status == 200
    pypi.stock.remove_file(NEEDED, first["filename"])
    assert fetch(first["url"]).status == 404


def test_replaced_bytes_keep_their_url(pypi: Upstream) -> None:
    first = page(pypi)["files"][0]
    pypi.stock.change(NEEDED, first["filename"], body=b"other")
    again = page(pypi)["files"][0]
    assert again["url"] == first["url"]
    assert again["hashes"] != first["hashes"]
    assert fetch(first["url"]).body == b"other"


def test_a_refusal_hits_as_often_as_it_should(pypi: Upstream) -> None:
    fault = faults.refuses(503, b"busy", Retry_After="7")
    fault.times = 2
    pypi.fail(fault, "GET /simple/public-needed/")
    assert fetch(f"{pypi.url}{APP}/").status == 200
    for _ in range(2):
        status, headers, body, _ = fetch(f"{pypi.url}{NEEDED}/")
        assert (status, body, headers["Retry-After"]) == (503, b"busy", "7")
    assert fetch(f"{pypi.url}{NEEDED}/").status == 200
    assert [seen.status for seen in pypi.pages(NEEDED)] == [503, 503, 200]


def test_a_body_can_be_wrong_cut_or_short(pypi: Upstream) -> None:
    url = file_url(pypi)
    whole = fetch(url).body
    pypi.fail(faults.wrong_last_byte())
    assert fetch(url).body[:-1] == whole[:-1]
    assert fetch(url).body != whole
    pypi.heal()
    pypi.fail(faults.shortened())
    assert fetch(url).body == whole[:-1]
    pypi.heal()
    pypi.fail(Fault(cuts_at=100))
    cut = fetch(url)
    assert not cut.is_whole
    assert cut.body == whole[:100]


def test_a_connection_is_closed_without_an_answer(pypi: Upstream) -> None:
    pypi.fail(Fault(closes=True))
    with pytest.raises(http.client.RemoteDisconnected):
        fetch(f"{pypi.url}{NEEDED}/")
    assert pypi.log[-1].status == 0


def test_a_stalled_body_goes_on_when_it_is_healed(pypi: Upstream) -> None:
    url = file_url(pypi)
    whole = fetch(url).body
    pypi.fail(Fault(stalls_at=100))
    with urllib.request.urlopen(url, timeout=HANG_SECONDS) as answer:
        begun = answer.read(100)
        threading.Timer(0.05, pypi.heal).start()
        assert begun + answer.read() == whole


def test_it_runs_as_a_program() -> None:
    command = [sys.executable, "-m", "support.upstreams", "--kind", "gitlab", "--password", "secret"]
    folder = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=folder, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://deploy-token:secret@127.0.0.1:")
        bare = url.replace("deploy-token:secret@", "")
        assert fetch(f"{bare}{NEEDED}/").status == 401
        process.terminate()
    assert process.returncode == 0
