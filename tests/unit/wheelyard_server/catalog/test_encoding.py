"""Documents of both formats, with unknown keys on every level."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from support.memory_storage import MemoryStorage
from wheelyard_server.catalog import edits, encoding
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.edits import Selection
from wheelyard_server.model import (
    FORMAT,
    MAX_FINDING_LENGTH,
    MAX_FINDINGS,
    Change,
    DeletedFile,
    FencedUpload,
    File,
    Finding,
    Project,
    Promotion,
    findings,
)
from wheelyard_server.model.mirror import Mirror, MirroredFile
from wheelyard_server.model.part import UNKNOWN
from wheelyard_server.model.status import Status
from wheelyard_server.names import parse_project_name
from wheelyard_server.sliced import at_once

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DEMO = parse_project_name("demo")
KEY = "projects/demo.json"
CHANGE = Change(at=NOW, by="ann")
MIRROR = Mirror(
    url="https://packages.example.com/simple/",
    made=NOW,
    fetched=NOW,
    etag='"1"',
    serial=8,
    file_origin="https://files.example.com",
    files=(
        MirroredFile(
            filename="demo-2.0-py3-none-any.whl",
            version="2.0",
            path="/a/demo-2.0-py3-none-any.whl",
            origin="https://other.example.com",
            query="a=b",
            sha256="4" * 64,
            pinned=True,
            other_hash="md5=00",
            size=1,
            upload_time=NOW,
            first_seen=NOW,
            requires_python=">=3.9",
            yanked="broken",
            core_metadata_sha256="5" * 64,
            extracted=True,
            publisher="https://git.example.com/acme/demo/.ci/release.yml",
            license="MIT",
            provenance_url="https://packages.example.com/integrity/demo",
            provenance_sha256="6" * 64,
            gone=NOW,
            conflict="7" * 64,
        ),
    ),
    versions=("2.0",),
    status="archived",
    status_reason="done",
    missing=NOW,
    outdated=NOW,
)
FULL = Project(
    name="demo",
    format=FORMAT,
    serial=7,
    owner="pypi",
    operations=("a", "b"),
    files=(
        File(
            filename="demo-1.0.tar.gz",
            version="1.0",
            upload_id="1",
            size=1,
            sha256="0" * 64,
            upload_time=NOW,
            uploader="ann",
            core_metadata_sha256="1" * 64,
            requires_python=">=3.9",
            summary="A demo",
            provenance_sha256="2" * 64,
            provenance_id="4",
            yanked="broken",
            yank_changed=CHANGE,
            added=NOW,
            promoted=Promotion(source="packages/staging", by="ann", at=NOW),
            license="MIT",
            findings=(Finding(rule="record-hex", message="RECORD has hex digests"),),
        ),
    ),
    deleted=(
        DeletedFile(
            filename="demo-0.9.tar.gz",
            sha256="3" * 64,
            upload_id="2",
            deleted=NOW,
            deleted_by="ann",
            upload_time=NOW,
            provenance_id="5",
        ),
    ),
    fenced=(FencedUpload(upload_id="3", fenced=NOW),),
    status=Status.ARCHIVED,
    status_reason="done",
    status_changed=CHANGE,
    mirror=MIRROR,
    claimed=CHANGE,
    former=(MIRROR, MIRROR.replace(url="https://other.example.com/simple/")),
)
"""A project with something in each field."""
FORMAT_1_KEYS = {
    "": {"name", "operations", "files", "deleted", "fenced", "status", "status-reason"},
    "files": {
        "filename",
        "version",
        "upload-id",
        "size",
        "sha256",
        "upload-time",
        "uploader",
        "core-metadata-sha256",
        "requires-python",
        "summary",
        "provenance-sha256",
        "yanked",
    },
    "deleted": {"filename", "sha256", "upload-id", "deleted"},
    "fenced": {"upload-id", "fenced"},
}
"""What the releases of format 1 know, and write back. They omit the format."""


def with_more(value: Any, depth: int = 0) -> Any:
    """Return the JSON with keys of a newer release in each object."""
    if isinstance(value, list):
        return [with_more(each, depth) for each in value]
    if not isinstance(value, dict):
        return value
    more = {"new": {"depth": depth, "list": [1, {"a": None}], "": "ü"}, UNKNOWN: "?", "big": 10**30}
    return {key: with_more(each, depth + 1) for key, each in value.items()} | more


def test_the_project_of_these_tests_has_a_value_in_each_field() -> None:
    def check(part: msgspec.Struct) -> None:
        for field in msgspec.structs.fields(part):
            value = getattr(part, field.name)
            if field.name != "unknown":
                assert value or field.required, f"{type(part).__name__}.{field.name}"
            for each in value if isinstance(value, tuple) else (value,):
                if isinstance(each, msgspec.Struct):
                    check(each)

    check(FULL)


def test_a_document_is_read_as_it_was_written() -> None:
    assert encoding.decode(encoding.encode(FULL)) == FULL


def test_keys_of_a_newer_release_are_kept_on_every_level() -> None:
    newer = with_more(msgspec.json.decode(encoding.encode(FULL)))
    assert msgspec.json.decode(encoding.encode(encoding.decode(msgspec.json.encode(newer)))) == newer


def test_a_document_without_unknown_keys_is_encoded_in_one_step_and_has_no_trace_of_them() -> None:
    assert UNKNOWN.encode() not in encoding.encode(FULL)


async def test_every_edit_keeps_the_keys_of_a_newer_release() -> None:
    newer = with_more(msgspec.json.decode(encoding.encode(FULL.replace(owner="", status=Status.ACTIVE))))
    one = Selection(filename="demo-1.0.tar.gz")
    added = FULL.files[0].replace(filename="demo-2.0.tar.gz", upload_id="9")
    changes = (
        lambda project: edits.with_file(project, added, 10),
        lambda project: edits.with_yanked(project, one, "no"),
        lambda project: edits.with_yanked(project, one, None),
        lambda project: edits.with_status(project, Status.DEPRECATED, "old"),
        lambda project: edits.with_fenced(project, frozenset({"8"}), NOW),
        lambda project: edits.without(project, Selection(filename="demo-2.0.tar.gz"), NOW),
    )
    storage = MemoryStorage()
    storage.objects[KEY] = msgspec.json.encode(newer)
    for change in changes:
        await Documents(storage).change(DEMO, change)
        written = msgspec.json.decode(storage.objects[KEY])
        for part, before in (
            (written, newer),
            (written["files"][0], newer["files"][0]),
            (written["files"][0]["findings"][0], newer["files"][0]["findings"][0]),
            (written["files"][0]["promoted"], newer["files"][0]["promoted"]),
            (written["deleted"][0], newer["deleted"][0]),
            (written["fenced"][0], newer["fenced"][0]),
        ):
            assert {key: part.get(key) for key in ("new", UNKNOWN, "big")} == {
                key: before[key] for key in ("new", UNKNOWN, "big")
            }


@pytest.mark.parametrize("damage", [{"files": 1}, {"files": [1]}, {"files": [{"filename": 1}]}, {"status": "odd"}])
def test_damage_is_named_even_next_to_unknown_keys(damage: dict[str, Any]) -> None:
    (key,) = damage
    with pytest.raises(msgspec.ValidationError, match=rf"\$\.{key}"):
        encoding.decode(msgspec.json.encode({"name": "demo", "new": 1, **damage}))


def test_format_1_has_only_what_its_servers_write_back() -> None:
    written = msgspec.json.decode(encoding.encode(encoding.in_format(FULL.replace(format=1), 1)))
    assert {key: set(written[key][0]) if key else set(written) for key in FORMAT_1_KEYS} == FORMAT_1_KEYS


def test_a_format_1_document_is_rewritten_as_format_2_once_permitted() -> None:
    body = encoding.encode(encoding.in_format(Project(name="demo"), 2))
    assert msgspec.json.decode(body) == {"name": "demo", "format": 2}


def test_no_document_goes_back_to_format_1() -> None:
    assert encoding.in_format(FULL, 1) == FULL


async def test_a_storage_of_format_1_gets_documents_of_format_1_until_its_format_is_raised() -> None:
    storage = MemoryStorage()
    storage.objects["wheelyard.json"] = b'{"format":1,"index":null}'
    documents = Documents(storage)
    await documents.change(DEMO, lambda _: FULL.replace(format=1))
    before = msgspec.json.decode(storage.objects[KEY])
    assert not before.keys() & {"format", "serial", "owner"}
    storage.objects["wheelyard.json"] = b'{"format":2,"index":null}'
    await documents.change(DEMO, lambda project: project.replace(status_reason="later"))
    assert msgspec.json.decode(storage.objects[KEY])["format"] == FORMAT


async def test_the_allowed_format_is_read_until_it_is_the_newest() -> None:
    storage = MemoryStorage()
    storage.objects["wheelyard.json"] = b'{"format":1,"index":null}'
    documents = Documents(storage)

    async def fence(upload_id: str) -> None:
        await documents.change(DEMO, lambda project: edits.with_fenced(project, frozenset({upload_id}), NOW))

    await fence("1")
    await fence("2")
    storage.objects["wheelyard.json"] = b'{"format":2,"index":null}'
    await fence("3")
    await fence("4")
    assert storage.calls.count("read wheelyard.json") == 3


def test_findings_are_bounded() -> None:
    found = findings(Finding(rule="rule", message="x" * 1000) for _ in range(100))
    assert len(found) == MAX_FINDINGS
    assert {len(each.message) for each in found} == {MAX_FINDING_LENGTH}


def many(files: int, deleted: int = 0, mirrored: int = 0) -> Project:
    """Return a project with so many items, and with texts that look like the ends of lines and lists."""
    assert FULL.mirror is not None
    text = '[\n"files":[\n},\n]\\n]'

    def items(part: Any, count: int) -> tuple[Any, ...]:
        return tuple(part.replace(filename=f"{text}{number}") for number in range(count))

    mirror = FULL.mirror.replace(files=items(FULL.mirror.files[0], mirrored), status_reason=text)
    return FULL.replace(
        files=items(FULL.files[0], files),
        deleted=items(FULL.deleted[0], deleted),
        mirror=mirror,
        status_reason=text,
    )


def in_lines(project: Project) -> bytes:
    lists = at_once(encoding.encode_lists(project))
    assert lists is not None
    return encoding.encode_around(project, lists)


@pytest.mark.parametrize(
    "counts", [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (250, 0, 0), (101, 100, 99), (999, 0, 999)]
)
def test_documents_in_lines_are_read_in_slices_and_whole(counts: tuple[int, int, int]) -> None:
    for project in (many(*counts), many(*counts).replace(mirror=None, owner="")):
        body = in_lines(project)
        assert body.count(b"\n") == sum(count + 1 for count in counts[: 3 if project.mirror else 2] if count)
        assert encoding.decode(body) == project
        assert at_once(encoding.decode_in_slices(body)) == project
        assert msgspec.json.decode(body) == msgspec.json.decode(encoding.encode(project))


@pytest.mark.parametrize("indent", [None, 2])
def test_large_documents_of_other_writers_are_read(indent: int | None) -> None:
    project = many(200, 100, 50)
    body = json.dumps(msgspec.json.decode(encoding.encode(project)), indent=indent).encode()
    assert at_once(encoding.decode_in_slices(body)) == project


@pytest.mark.parametrize("place", ["project", "file", "deleted", "mirror", "mirrored"])
def test_unknown_keys_survive_in_large_documents(place: str) -> None:
    body = msgspec.json.decode(encoding.encode(many(300, 300, 300)))
    parts = {
        "project": body,
        "file": body["files"][150],
        "deleted": body["deleted"][150],
        "mirror": body["mirror"],
        "mirrored": body["mirror"]["files"][150],
    }
    parts[place]["new-key"] = {"x": [1]}
    project = at_once(encoding.decode_in_slices(json.dumps(body).encode()))
    lists = at_once(encoding.encode_lists(project))
    written = encoding.encode(project) if lists is None else encoding.encode_around(project, lists)
    assert msgspec.json.decode(written) == body


@pytest.mark.parametrize("damage", [b"", b"[\n", b"\n]", b"]", b"{", b'"', b",\n", b"\n,"])
def test_damage_of_a_large_document_is_found_as_in_one_piece(damage: bytes) -> None:
    body = in_lines(many(30, 20, 10))
    for position in range(0, len(body), 97):
        damaged = body[:position] + damage + body[position + 1 :]
        try:
            expected = encoding.decode(damaged)
        except msgspec.MsgspecError:
            with pytest.raises(msgspec.MsgspecError):
                at_once(encoding.decode_in_slices(damaged))
        else:
            assert at_once(encoding.decode_in_slices(damaged)) == expected


async def test_large_documents_are_written_in_lines_and_read_again() -> None:
    storage = MemoryStorage()
    project = many(encoding.LARGE_FILES + 1).replace(mirror=None, owner="")
    storage.objects["wheelyard.json"] = b'{"format":2,"index":null}'
    written = await Documents(storage).change(DEMO, lambda _: project)
    assert storage.objects[KEY].count(b"\n") == encoding.LARGE_FILES + 2
    assert len(storage.objects[KEY]) > encoding.LARGE_BYTES
    read = await Documents(storage).read(DEMO)
    assert read.project.files == written.files == project.files
