"""The upstreams of the tests: what clients cannot show of them, and their faults."""

import base64
import gzip
import http.client
import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from urllib.parse import urljoin

import pytest

from support.patience import HANG_SECONDS
from support.upstreams import faults
from support.upstreams.faults import Fault
from support.upstreams.kinds import KINDS
from support.upstreams.pages import JSON
from support.upstreams.products import GitLab, Nexus
from support.upstreams.running import Upstream, upstream
from support.upstreams.signed import Signing
from support.upstreams.stock import APP, NEEDED, TENSOR


class _Stays(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_Stays)
Answer = tuple[int, bytes, Message]


def get(url: str, **headers: str) -> Answer:
    """Return status, body and headers, of redirects and errors, too."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with _OPENER.open(urllib.request.Request(url, headers=named), timeout=HANG_SECONDS) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers


@pytest.fixture
def pypi() -> Iterator[Upstream]:
    with upstream() as running:
        yield running


def page(running: Upstream, project: str = NEEDED) -> dict[str, list[dict[str, str]]]:
    """Return the JSON page of a project."""
    found: dict[str, list[dict[str, str]]] = json.loads(get(f"{running.url}{project}/", Accept=JSON)[1])
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
    assert get(f"{file['url']}.metadata")[0] == 200
    assert b"made-for" in get(file["provenance"])[1]
    assert not file["url"].startswith(pypi.url.removesuffix("/simple/"))


def test_pypi_redirects_other_spellings(pypi: Upstream) -> None:
    for spelling in ("Public.Needed/", "public_needed", "public-needed"):
        status, _, headers = get(f"{pypi.url}{spelling}")
        assert (status, headers["Location"]) == (301, f"/simple/{NEEDED}/")


def test_a_page_is_compressed_and_conditional(pypi: Upstream) -> None:
    url = f"{pypi.url}{NEEDED}/"
    _, body, headers = get(url, Accept=JSON, Accept_Encoding="gzip")
    assert json.loads(gzip.decompress(body))["name"] == NEEDED
    assert headers["ETag"].startswith('W/"')
    assert get(url, Accept=JSON, If_None_Match=headers["ETag"])[0] == 304
    pypi.stock.wheel(NEEDED, "3.0")
    assert get(url, Accept=JSON, If_None_Match=headers["ETag"])[0] == 200


def test_a_file_has_ranges(pypi: Upstream) -> None:
    url = file_url(pypi)
    whole = get(url)[1]
    status, body, headers = get(url, Range="bytes=10-19")
    assert (status, body, headers["Content-Range"]) == (206, whole[10:20], f"bytes 10-19/{len(whole)}")
    assert get(url, Range="bytes=-5")[1] == whole[-5:]
    assert get(url, Range="bytes=10-", If_Range='"other"')[:2] == (200, whole)
    assert get(url, Range=f"bytes={len(whole)}-")[0] == 416


def test_pytorch_refuses_what_it_lacks_and_a_bare_plus_sign() -> None:
    with upstream("pytorch") as running:
        assert get(f"{running.url}absent/")[0] == 403
        body = get(f"{running.url}{TENSOR}/")[1].decode()
        url = body.partition('href="')[2].partition("#")[0]
        assert "%2Bcu124" in url
        assert get(url)[0] == 200
        assert get(url.replace("%2B", "+"))[0] == 403
        assert get(url.replace("%2B", "%252B"))[0] == 403


@pytest.mark.parametrize("kind", ["codeartifact", "azure"])
def test_a_signed_url_takes_no_login_and_expires(kind: str) -> None:
    with upstream(kind) as running:
        login = get_login(running)
        body = get(f"{running.url}{NEEDED}/", Authorization=login)[1].decode()
        link = urljoin(f"{running.url}{NEEDED}/", body.partition('href="')[2].partition("#")[0])
        assert get(link)[0] == 401
        status, _, headers = get(link, Authorization=login)
        assert status in {302, 303}
        assert get(headers["Location"])[0] == 200
        assert get(headers["Location"], Authorization=login)[0] == 400
        assert isinstance(running.kind, Signing)
        running.kind.expire_urls()
        assert get(headers["Location"])[0] == 403


def get_login(running: Upstream) -> str:
    """Return the header of the right login."""
    return "Basic " + base64.b64encode(f"{running.kind.user}:{running.kind.password}".encode()).decode()


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if kind.user])
def test_a_token_expires(kind: str) -> None:
    with upstream(kind) as running:
        login = get_login(running)
        assert get(f"{running.url}{NEEDED}/", Authorization=login)[0] == 200
        running.kind.password = "another"
        status, _, headers = get(f"{running.url}{NEEDED}/", Authorization=login)
        assert status == 401
        assert headers["WWW-Authenticate"].startswith("Basic ")


def test_a_nexus_group_answers_with_an_empty_page() -> None:
    with upstream("nexus") as running:
        assert get(f"{running.url}absent/")[0] == 404
        assert isinstance(running.kind, Nexus)
        running.kind.is_group = True
        status, body, _ = get(f"{running.url}absent/")
        assert status == 200
        assert b"<a " not in body


def test_gitlab_forwards_what_it_lacks() -> None:
    with upstream("gitlab") as running:
        assert isinstance(running.kind, GitLab)
        running.kind.forwards_to = "https://packages.example.com/simple/"
        status, _, headers = get(f"{running.url}absent/", Authorization=get_login(running))
        assert (status, headers["Location"]) == (302, "https://packages.example.com/simple/absent")


def test_a_removed_file_can_stay_at_its_url(pypi: Upstream) -> None:
    first = page(pypi)["files"][0]
    pypi.stock.change(NEEDED, first["filename"], is_listed=False)
    assert first["filename"] not in {file["filename"] for file in page(pypi)["files"]}
    assert get(first["url"])[0] == 200
    pypi.stock.remove_file(NEEDED, first["filename"])
    assert get(first["url"])[0] == 404


def test_replaced_bytes_keep_their_url(pypi: Upstream) -> None:
    first = page(pypi)["files"][0]
    pypi.stock.change(NEEDED, first["filename"], body=b"other")
    again = page(pypi)["files"][0]
    assert again["url"] == first["url"]
    assert again["hashes"] != first["hashes"]
    assert get(first["url"])[1] == b"other"


def test_a_refusal_hits_as_often_as_it_should(pypi: Upstream) -> None:
    fault = faults.refuses(503, b"busy", Retry_After="7")
    fault.times = 2
    pypi.fail(fault, "GET /simple/public-needed/")
    assert get(f"{pypi.url}{APP}/")[0] == 200
    for _ in range(2):
        status, body, headers = get(f"{pypi.url}{NEEDED}/")
        assert (status, body, headers["Retry-After"]) == (503, b"busy", "7")
    assert get(f"{pypi.url}{NEEDED}/")[0] == 200
    assert [seen.status for seen in pypi.pages(NEEDED)] == [503, 503, 200]


def test_a_body_can_be_wrong_cut_or_short(pypi: Upstream) -> None:
    url = file_url(pypi)
    whole = get(url)[1]
    pypi.fail(faults.wrong_last_byte())
    assert get(url)[1][:-1] == whole[:-1]
    assert get(url)[1] != whole
    pypi.heal()
    pypi.fail(faults.shortened())
    assert get(url)[1] == whole[:-1]
    pypi.heal()
    pypi.fail(Fault(cuts_at=100))
    with pytest.raises(http.client.IncompleteRead) as error:
        get(url)
    assert error.value.partial == whole[:100]


def test_a_connection_is_closed_without_an_answer(pypi: Upstream) -> None:
    pypi.fail(Fault(closes=True))
    with pytest.raises(http.client.RemoteDisconnected):
        get(f"{pypi.url}{NEEDED}/")
    assert pypi.log[-1].status == 0


def test_a_stalled_body_goes_on_when_it_is_healed(pypi: Upstream) -> None:
    url = file_url(pypi)
    whole = get(url)[1]
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
        assert get(f"{bare}{NEEDED}/")[0] == 401
        process.terminate()
    assert process.returncode == 0
