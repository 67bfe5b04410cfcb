"""The page of a project, uploaded here or mirrored, in both forms; `upstream.pages` reads it back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from wheelyard_server.catalog.current_basis import CurrentBasis
from wheelyard_server.catalog.stored_project import ProjectView, StoredProject, Views
from wheelyard_server.model import Project
from wheelyard_server.model.mirror import Mirror, MirroredFile
from wheelyard_server.model.status import Status
from wheelyard_server.policy.file_policy import AllowedUpstream, FilePolicy
from wheelyard_server.storage import ETag
from wheelyard_server.upstream import Page
from wheelyard_server.upstream.pages.reading import read_page
from wheelyard_server.web.pages.negotiation import MediaType
from wheelyard_server.web.pages.project_page import project_page
from wheelyard_server.web.pages.simple_pages import filenames_page

NOW = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
DIGEST, OTHER = "ab" * 32, "cd" * 32
UPSTREAM = "https://packages.example.com/simple/"
ROOT = "https://index.example.com"
PAGE = f"{ROOT}/simple/demo/"
PLAIN = MirroredFile(filename="demo-1.0.tar.gz", version="1.0", path="/f/demo-1.0.tar.gz")
FULL = MirroredFile(
    filename="demo-2.0+cu1-py3-none-any.whl",
    version="2.0+cu1",
    path="/f%2Fg/demo-2.0%2Bcu1-py3-none-any.whl",
    query="secret=1",
    origin="https://files.example.com",
    sha256=DIGEST,
    size=123,
    upload_time=NOW,
    requires_python="<4,>=3.9",
    yanked='"><script>',
    core_metadata_sha256=OTHER,
    provenance_url="https://packages.example.com/integrity/x",
)


def view_of(
    *files: MirroredFile, status: str = "active", own: Status = Status.ACTIVE, **fields: Any
) -> ProjectView:
    mirror = Mirror(url=UPSTREAM, made=NOW, fetched=NOW, files=files, status=status, **fields)
    project = Project(name="demo", serial=7, owner="other", mirror=mirror, status=own, format=2)
    policy = FilePolicy((AllowedUpstream("other", UPSTREAM),))
    view = Views(CurrentBasis(policy), lambda: NOW).of(StoredProject(project, ETag('"1"')))
    assert view is not None
    return view


def json_of(view: ProjectView) -> Any:
    return msgspec.json.decode(project_page(view, MediaType.JSON_V1, ROOT).body)


def html_of(view: ProjectView) -> str:
    return project_page(view, MediaType.TEXT_HTML, ROOT).body.decode()


def test_a_mirrored_file_has_every_field_in_json() -> None:
    assert json_of(view_of(FULL))["files"] == [
        {
            "filename": "demo-2.0+cu1-py3-none-any.whl",
            "url": "../../mirror/other/f%2Fg/demo-2.0%2Bcu1-py3-none-any.whl",
            "hashes": {"sha256": DIGEST},
            "yanked": '"><script>',
            "size": 123,
            "upload-time": "2026-01-02T03:04:05.000006Z",
            "requires-python": "<4,>=3.9",
            "core-metadata": {"sha256": OTHER},
            "provenance": f"{ROOT}/mirror/other/f%2Fg/demo-2.0%2Bcu1-py3-none-any.whl.provenance",
        }
    ]


def test_fields_that_the_upstream_lacks_are_left_out() -> None:
    url = "../../mirror/other/f/demo-1.0.tar.gz"
    assert json_of(view_of(PLAIN))["files"] == [
        {"filename": "demo-1.0.tar.gz", "url": url, "hashes": {}, "yanked": False}
    ]
    assert f'<a href="{url}">demo-1.0.tar.gz</a><br>' in html_of(view_of(PLAIN))


def test_a_file_without_upload_time_has_the_time_of_its_first_sight() -> None:
    """T41, T43: upload-time is always present, so that clients can exclude newer files."""
    seen = PLAIN.replace(first_seen=NOW - timedelta(days=1))
    assert json_of(view_of(seen))["files"][0]["upload-time"] == "2026-01-01T03:04:05.000006Z"


def test_another_hash_stands_in_for_a_missing_sha256() -> None:
    hashed = PLAIN.replace(other_hash="md5=00ff")
    assert json_of(view_of(hashed))["files"][0]["hashes"] == {"md5": "00ff"}
    assert 'demo-1.0.tar.gz#md5=00ff"' in html_of(view_of(hashed))
    pinned = hashed.replace(sha256=DIGEST, pinned=True)
    assert json_of(view_of(pinned))["files"][0]["hashes"] == {"sha256": DIGEST}


def test_core_metadata_without_digest_is_announced() -> None:
    """T12: also that of an sdist, if the upstream has it."""
    announced = PLAIN.replace(core_metadata_sha256="")
    assert json_of(view_of(announced))["files"][0]["core-metadata"] is True
    assert 'data-core-metadata="true" data-dist-info-metadata="true"' in html_of(view_of(announced))


def test_versions_are_those_that_the_upstream_lists() -> None:
    """Also those that have no files here (PEP 700)."""
    assert json_of(view_of(PLAIN, versions=("0.9", "1.0")))["versions"] == ["0.9", "1.0"]
    assert json_of(view_of(PLAIN, FULL))["versions"] == ["1.0", "2.0+cu1"]


@pytest.mark.parametrize(
    ("status", "own", "shown"),
    [
        ("archived", Status.ACTIVE, "archived"),
        ("some-new-status", Status.ACTIVE, "some-new-status"),
        ("archived", Status.DEPRECATED, "deprecated"),
    ],
)
def test_the_status_is_that_of_the_upstream_unless_this_index_has_set_one(
    status: str, own: Status, shown: str
) -> None:
    view = view_of(PLAIN, status=status, own=own, status_reason='a "reason" <b>')
    assert json_of(view)["project-status"]["status"] == shown
    assert f'<meta name="pypi:project-status" content="{shown}">' in html_of(view)


@pytest.mark.parametrize(("status", "own"), [("quarantined", Status.ACTIVE), ("active", Status.QUARANTINED)])
def test_a_quarantined_project_has_no_files(status: str, own: Status) -> None:
    assert json_of(view_of(FULL, status=status, own=own))["files"] == []
    assert "<a " not in html_of(view_of(FULL, status=status, own=own))


def test_a_file_that_is_gone_or_changed_is_not_listed() -> None:
    """T6, T16."""
    gone = FULL.replace(gone=NOW - timedelta(days=1))
    changed = FULL.replace(filename="demo-3.0-py3-none-any.whl", conflict=OTHER, gone=gone.gone)
    assert [file["filename"] for file in json_of(view_of(gone, PLAIN, changed))["files"]] == ["demo-1.0.tar.gz"]
    assert filenames_page(view_of(gone, PLAIN, changed), "x").body == b'<a href="x">demo-1.0.tar.gz</a>\n'


async def read_back(view: ProjectView, media_type: MediaType) -> Page:
    page = project_page(view, media_type, ROOT)
    return await read_page(page.body, page.content_type, PAGE)


@pytest.mark.parametrize("media_type", list(MediaType))
async def test_another_index_reads_the_same_from_both_forms(media_type: MediaType) -> None:
    """A Wheelyard may be the upstream of another."""
    files = tuple(
        FULL.replace(filename=f"demo-{n}-py3-none-any.whl", path=f"/f/%2B/demo-{n}-py3-none-any.whl")
        for n in range(250)
    )
    read = await read_back(view_of(*files, status="archived", status_reason='a "reason" <b>'), media_type)
    assert (read.status, read.status_reason, len(read.files)) == ("archived", 'a "reason" <b>', 250)
    for file, original in zip(read.files, files, strict=True):
        assert (file.filename, file.hashes) == (original.filename, {"sha256": DIGEST})
        assert file.url == f"{ROOT}/mirror/other{original.path}"
        assert (file.requires_python, file.yanked) == (original.requires_python, original.yanked)
        assert (file.core_metadata, file.provenance) == (OTHER, f"{file.url}.provenance")
        assert (file.size, file.upload_time) == ((None, None) if media_type.is_html else (123, NOW))
