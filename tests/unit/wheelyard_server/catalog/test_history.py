"""The history of a project, as its document knows it."""

from datetime import UTC, datetime

from wheelyard_server.catalog.history import EventKind, history
from wheelyard_server.model import Change, DeletedFile, File, Project, Promotion
from wheelyard_server.model.mirror import Mirror
from wheelyard_server.model.status import Status


def at(hour: int) -> datetime:
    return datetime(2026, 11, 30, hour, tzinfo=UTC)


def file(version: str, **more: object) -> File:
    made = File(
        filename=f"demo-{version}-py3-none-any.whl",
        version=version,
        upload_id=version,
        size=1,
        sha256="a" * 64,
        upload_time=at(1),
        uploader="ci.publisher",
        core_metadata_sha256="b" * 64,
    )
    return made.replace(**more)


def test_everything_that_a_document_knows_the_last_first() -> None:
    project = Project(
        name="demo",
        files=(
            file("1.0", yanked="broken", yank_changed=Change(at=at(5), by="team.owner")),
            file("1.1", upload_time=at(2), yank_changed=Change(at=at(6), by="team.owner")),
            file("2.0", promoted=Promotion(source="team/dev", by="ci.release", at=at(3))),
        ),
        deleted=(
            DeletedFile(
                filename="demo-0.9.tar.gz",
                sha256="c" * 64,
                upload_id="0",
                deleted=at(7),
                deleted_by="team.owner",
                upload_time=at(0),
            ),
            DeletedFile(filename="odd", sha256="d" * 64, upload_id="1", deleted=at(8)),
        ),
        status=Status.DEPRECATED,
        status_reason="use other",
        status_changed=Change(at=at(9), by="team.owner"),
        claimed=Change(at=at(10), by="boss"),
    )
    assert [(each.at.hour, each.kind, each.by, each.version, each.details) for each in history(project)] == [
        (10, EventKind.CLAIMED, "boss", "", ""),
        (9, EventKind.STATUS, "team.owner", "", "deprecated: use other"),
        (8, EventKind.DELETED, "", "", ""),
        (7, EventKind.DELETED, "team.owner", "0.9", ""),
        (6, EventKind.UNYANKED, "team.owner", "1.1", ""),
        (5, EventKind.YANKED, "team.owner", "1.0", "broken"),
        (3, EventKind.PROMOTED, "ci.release", "2.0", "team/dev"),
        (2, EventKind.PUBLISHED, "ci.publisher", "1.1", ""),
        (1, EventKind.PUBLISHED, "ci.publisher", "1.0", ""),
        (0, EventKind.PUBLISHED, "", "0.9", ""),
    ]


def test_a_mirrored_project_was_seen_once() -> None:
    mirror = Mirror(url="https://pypi.example.com/simple/", made=at(4), fetched=at(5))
    (event,) = history(Project(name="demo", owner="pypi", mirror=mirror))
    assert (event.at, event.kind, event.details) == (at(4), EventKind.MIRRORED, "pypi")
