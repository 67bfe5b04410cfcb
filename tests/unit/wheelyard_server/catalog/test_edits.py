"""All changes of a project; the content of a filename never changes."""

from datetime import UTC, datetime, timedelta

import pytest
from packaging.version import Version

from wheelyard_server.catalog import edits
from wheelyard_server.catalog.edits import Selection
from wheelyard_server.errors import (
    FileExistsWithOtherContentError,
    FilenameDeletedError,
    InvalidUploadError,
    NameOwnedError,
    ProjectClosedError,
    StorageUnavailableError,
)
from wheelyard_server.model import Change, File, Project
from wheelyard_server.model.status import Status

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EMPTY = Project(name="demo")


def file(filename: str = "demo-1.0.tar.gz", *, version: str = "1.0", upload: str = "u1", sha256: str = "a") -> File:
    return File(
        filename=filename,
        version=version,
        upload_id=upload,
        size=1,
        sha256=sha256 * 64,
        upload_time=NOW,
        uploader="ci.jenkins",
        core_metadata_sha256="0" * 64,
    )


def added(project: Project, *files: File, most: int = 10) -> Project:
    for each in files:
        project = edits.with_file(project, each, most)
    return project


TWO = added(EMPTY, file(), file("demo-2.0.tar.gz", version="2.0", upload="u2"))


def test_a_file_is_added_once() -> None:
    once = added(EMPTY, file())
    assert once.files == (file(),)
    assert added(once, file(upload="u2")) is once


def test_other_bytes_are_refused_even_after_a_deletion() -> None:
    project = added(EMPTY, file())
    with pytest.raises(FileExistsWithOtherContentError):
        added(project, file(sha256="b"))
    deleted = edits.without(project, Selection(), NOW)
    assert deleted.files == ()
    with pytest.raises(FilenameDeletedError, match="raise the version"):
        added(deleted, file(sha256="b"))


def test_a_deleted_file_can_be_published_again_with_the_same_bytes() -> None:
    deleted = edits.without(added(EMPTY, file()), Selection(), NOW)
    again = added(deleted, file(upload="u2"))
    assert again.files == (file(upload="u2"),)
    assert again.deleted == ()


def test_an_upload_that_was_deleted_before_its_writer_knew_of_its_success_does_not_resurface() -> None:
    deleted = edits.without(added(EMPTY, file()), Selection(), NOW)
    assert added(deleted, file()) is deleted


def test_a_fenced_upload_is_never_committed_but_its_retry_is() -> None:
    fenced = edits.with_fenced(EMPTY, frozenset({"u1"}), NOW)
    with pytest.raises(StorageUnavailableError):
        added(fenced, file())
    assert added(fenced, file(upload="u2")).files == (file(upload="u2"),)


def test_an_upload_in_use_cannot_be_fenced() -> None:
    assert edits.with_fenced(added(EMPTY, file()), frozenset({"u1"}), NOW) == added(EMPTY, file())


def test_the_number_of_files_per_project_is_limited() -> None:
    with pytest.raises(InvalidUploadError, match="has 2 files"):
        added(TWO, file("demo-3.0.tar.gz"), most=2)
    assert added(TWO, file(), most=2) is TWO


@pytest.mark.parametrize("status", list(Status))
def test_only_open_projects_accept_new_files_but_existing_files_stay_a_success(status: Status) -> None:
    project = edits.with_status(TWO, status, "because")
    assert added(project, file()) is project
    if status in (Status.ACTIVE, Status.DEPRECATED):
        assert len(added(project, file("demo-3.0.tar.gz")).files) == 3
    else:
        with pytest.raises(ProjectClosedError, match=f"is {status}"):
            added(project, file("demo-3.0.tar.gz"))


@pytest.mark.parametrize(
    ("selection", "selected"),
    [
        (Selection(), ["1.0", "2.0"]),
        (Selection(Version("2")), ["2.0"]),
        (Selection(filename="demo-1.0.tar.gz"), ["1.0"]),
        (Selection(Version("2.0"), "demo-1.0.tar.gz"), []),
    ],
)
def test_files_are_selected_by_version_and_by_name(selection: Selection, selected: list[str]) -> None:
    assert [each.version for each in selection.of(TWO)] == selected
    yanked = edits.with_yanked(TWO, selection, "")
    assert [each.version for each in yanked.files if each.yanked is not None] == selected
    assert edits.with_yanked(yanked, selection, None) == TWO
    gone = edits.without(TWO, selection, NOW)
    assert sorted(each.filename for each in gone.deleted) == [f"demo-{version}.tar.gz" for version in selected]
    assert len(gone.files) == 2 - len(selected)


def test_deleting_twice_changes_nothing_more() -> None:
    once = edits.without(TWO, Selection(Version("1.0")), NOW)
    assert edits.without(once, Selection(Version("1.0")), NOW) == once


WHEEL, SPELLED = "demo-1.0-py2.py3-none-any.whl", "Demo-1.0.0-py3.py2-None-any.whl"
SPELLINGS = pytest.mark.parametrize(
    ("first", "other"),
    [
        (WHEEL, SPELLED),
        (SPELLED, WHEEL),
        ("demo-1.0-1-py3-none-any.whl", "demo-1-01-py3-none-any.whl"),
        ("demo-1.0.tar.gz", "demo-1.0.zip"),
        ("demo-1.0.zip", "Demo-1.tar.gz"),
    ],
)


@SPELLINGS
def test_other_bytes_in_another_spelling_are_refused_also_after_a_delete(first: str, other: str) -> None:
    project = added(EMPTY, file(first))
    with pytest.raises(FileExistsWithOtherContentError, match=f"{other} is the same distribution as {first}"):
        added(project, file(other, upload="u2", sha256="b"))
    deleted = edits.without(project, Selection(), NOW)
    with pytest.raises(FilenameDeletedError, match=f"{other} is the same distribution as {first}"):
        added(deleted, file(other, upload="u2", sha256="b"))


@SPELLINGS
def test_the_same_bytes_in_another_spelling_are_a_success_and_the_stored_spelling_stays(
    first: str, other: str
) -> None:
    project = added(EMPTY, file(first))
    assert added(project, file(other, upload="u2")) is project


@SPELLINGS
def test_a_deleted_file_returns_in_another_spelling_with_the_same_bytes_only(first: str, other: str) -> None:
    deleted = edits.without(added(EMPTY, file(first)), Selection(), NOW)
    again = added(deleted, file(other, upload="u2"))
    assert [each.filename for each in again.files] == [other]
    for spelling in (first, other):
        with pytest.raises(FileExistsWithOtherContentError):
            added(again, file(spelling, upload="u3", sha256="b"))
        gone = edits.without(again, Selection(), NOW)
        with pytest.raises(FilenameDeletedError):
            added(gone, file(spelling, upload="u3", sha256="b"))


@pytest.mark.parametrize(
    "other",
    [
        "demo-1.0-1-py2.py3-none-any.whl",
        "demo-1.0-py3-none-any.whl",
        "demo-1.0.post0-py2.py3-none-any.whl",
        "demo-1.0.zip",
    ],
)
def test_another_distribution_of_the_version_is_added(other: str) -> None:
    assert len(added(EMPTY, file(WHEEL), file(other, upload="u2", sha256="b")).files) == 2


def test_two_old_spellings_of_one_version_both_keep_working() -> None:
    """Such documents were written before the second spelling was refused."""
    both = EMPTY.replace(files=(file(WHEEL), file(SPELLED, upload="u2", sha256="b")))
    assert added(both, file(WHEEL, upload="u3")) is both
    assert added(both, file(SPELLED, upload="u3", sha256="b")) is both
    for filename, sha256 in ((WHEEL, "b"), (SPELLED, "a"), ("demo-1-py2.py3-none-any.whl", "b")):
        with pytest.raises(FileExistsWithOtherContentError):
            added(both, file(filename, upload="u3", sha256=sha256))
    first_left = edits.without(both, Selection(filename=SPELLED), NOW)
    assert added(first_left, file(WHEEL, upload="u3")) is first_left
    with pytest.raises(FileExistsWithOtherContentError):
        added(first_left, file(SPELLED, upload="u3", sha256="b"))


def test_the_last_yank_and_unyank_are_stored_with_user_and_time() -> None:
    by_ann, by_bob = Change(at=NOW, by="ann"), Change(at=NOW, by="bob")
    one = Selection(Version("1.0"))
    yanked = edits.with_yanked(TWO, one, "", by_ann)
    assert [each.yank_changed for each in yanked.files] == [by_ann, None]
    assert edits.with_yanked(yanked, one, "", by_bob) == yanked
    assert [each.yank_changed for each in edits.with_yanked(yanked, one, None, by_bob).files] == [by_bob, None]


def test_the_last_status_change_is_stored_with_user_and_time() -> None:
    by_ann, by_bob = Change(at=NOW, by="ann"), Change(at=NOW, by="bob")
    archived = edits.with_status(TWO, Status.ARCHIVED, "done", by_ann)
    assert archived.status_changed == by_ann
    assert edits.with_status(archived, Status.ARCHIVED, "done", by_bob) == archived
    assert edits.with_status(archived, Status.ARCHIVED, "really", by_bob).status_changed == by_bob


def test_a_deleted_file_names_its_deleter_and_returns_with_its_first_publication_time() -> None:
    gone = edits.without(added(EMPTY, file()), Selection(), NOW, "ann")
    (deleted,) = gone.deleted
    assert (deleted.deleted, deleted.deleted_by) == (NOW, "ann")
    later = NOW + timedelta(days=1)
    for spelling in ("demo-1.0.tar.gz", "Demo-1.0.0.zip"):
        (back,) = added(gone, file(spelling, upload="u2").replace(upload_time=later, added=later)).files
        assert (back.upload_time, back.added) == (NOW, later)


def test_a_mirrored_name_accepts_no_uploads() -> None:
    with pytest.raises(NameOwnedError, match="wheelyard claim demo"):
        added(EMPTY.replace(owner="pypi"), file())
