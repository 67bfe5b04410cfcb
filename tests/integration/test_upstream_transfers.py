"""Transfers of files that go wrong at the upstream; each test has an index of its own, on real sockets."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.fetching import fetch
from support.upstreams.faults import Fault, refuses, shortened, wrong_last_byte
from support.upstreams.mirroring import Mirrored, index, mirror_settings, mirrored

LARGE = 8 * 1024**2
WITHHELD = 64 * 1024
"""Bytes at the end of a file that no client gets before the digest is right."""


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Mirrored]:
    with mirrored(tmp_path, freshness={"freshSeconds": 0, "staleSeconds": 3600}) as running:
        yield running


@pytest.fixture
def project(shared: Mirrored) -> str:
    """Return the name of a project with a wheel 1.0."""
    shared.other.stock.wheel("wanted", "1.0")
    return "wanted"


def test_a_hiccup_is_not_seen(shared: Mirrored, project: str) -> None:
    shared.other.fail(Fault(closes=True, times=1), f"GET /simple/{project}/")
    assert shared.index.page(project).status == 200


def test_kept_bytes_cost_no_request(shared: Mirrored, project: str) -> None:
    """T7 and T11: files, their metadata and their provenance are all kept."""
    url = shared.url(project)
    provenance = shared.index.files(project)[shared.file(project).filename]["provenance"]
    urls = (url, f"{url}.metadata", provenance)
    first = [fetch(each) for each in urls]
    assert [answer.status for answer in first] == [200, 200, 200]
    shared.other.fail(Fault(closes=True))
    assert [fetch(each).body for each in urls] == [answer.body for answer in first]


def test_wrong_bytes_once_are_not_seen(shared: Mirrored, project: str) -> None:
    url = shared.url(project)
    shared.other.fail(Fault(change=wrong_last_byte().change, times=1), "GET /packages/")
    answer = fetch(url)
    assert (answer.status, answer.body) == (200, shared.file(project).body)


@pytest.mark.parametrize("size", [0, LARGE], ids=["small", "large"])
@pytest.mark.parametrize(
    "fault", [wrong_last_byte, shortened, lambda: Fault(cuts_at=0)], ids=["wrong", "short", "cut"]
)
def test_wrong_bytes_are_never_whole(shared: Mirrored, project: str, size: int, fault: Callable[[], Fault]) -> None:
    """U5: a client gets an error or too few bytes, and nothing of them is kept."""
    filename = shared.file(project).filename
    made = shared.other.stock.change(project, filename, body=filename.encode() + b"x" * size)
    url = shared.url(project)
    shared.other.fail(fault(), "GET /packages/")
    answer = fetch(url)
    is_error = answer.status in {502, 503}
    assert is_error or not answer.is_whole
    assert is_error or len(answer.body) <= max(0, len(made.body) - WITHHELD)
    shared.other.heal()
    # Another server, since the first one does not ask again for a minute.
    settings = mirror_settings(shared.home, shared.other)
    with index(shared.home / "again", settings, shared.home / "data") as again:
        assert fetch(again.url(project, filename)).body == made.body


def test_a_cut_transfer_goes_on_where_it_was_cut(shared: Mirrored, project: str) -> None:
    filename = shared.file(project).filename
    made = shared.other.stock.change(project, filename, body=b"y" * LARGE)
    url = shared.url(project)
    shared.other.fail(Fault(cuts_at=LARGE // 2, times=1), "GET /packages/")
    answer = fetch(url)
    assert answer.is_whole
    assert answer.body == made.body
    first, second = (seen.request.header("Range") for seen in shared.other.log if filename in seen.line)
    assert first == ""
    # A connection that is cut may lose what was sent last.
    assert 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= LARGE // 2


def test_a_listed_file_without_bytes_says_so(shared: Mirrored, project: str) -> None:
    """T37: no 500, and no reason that is only ours."""
    url = shared.url(project)
    shared.other.fail(refuses(404), "GET /packages/")
    missing = fetch(url)
    assert missing.status == 404
    assert b"pypi" in missing.body
    shared.other.heal()
    shared.other.fail(refuses(503), "GET /packages/")
    down = fetch(url)
    assert down.status == 503
    assert down.headers["Retry-After"]
