"""What only a folder promises; what every storage does is in `contract/test_storage.py`."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import mkdtemp

import pytest

from wheelyard_server.errors import ObjectNotFoundError, PreconditionFailedError
from wheelyard_server.storage import durable_writes
from wheelyard_server.storage.durable_writes import Batch, DurableWrites
from wheelyard_server.storage.folder import COMMITTED_AT_ONCE, FolderStorage

KEY = "files/demo/1/demo.whl"


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the flushed paths, in order."""
    paths: list[str] = []

    def sync(descriptor: int) -> None:
        paths.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))

    monkeypatch.setattr(os, "fsync", sync)
    return paths


@pytest.fixture
def named_and_synced(synced: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return these, and among them the names that files are given."""
    rename = os.rename

    def named(source: str, target: str) -> None:
        synced.append(Path(target).name)
        rename(source, target)

    monkeypatch.setattr(os, "rename", named)
    return synced


def unfinished(root: Path) -> set[str]:
    return {
        path.name for path in (root / durable_writes.FOLDER).rglob("*") if path.is_file() and path.name != "lock"
    }


@pytest.mark.parametrize("size", [COMMITTED_AT_ONCE + 1, 1])
async def test_a_large_file_is_there_before_its_document_is_made(tmp_path: Path, size: int) -> None:
    storage = FolderStorage(tmp_path / "storage")
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(size)
    was_there: list[bool] = []

    def body() -> bytes:
        was_there.append(storage.path("files/demo/1/a").exists())
        return b"{}"

    await storage.commit({"files/demo/1/a": large}, "projects/demo.json", body, expected=None)
    # A small object is durable at the same time as its document.
    assert was_there == [size > COMMITTED_AT_ONCE]
    assert (await storage.read("projects/demo.json")).body == b"{}"


async def test_a_file_on_the_same_file_system_is_taken_over_without_a_copy(
    tmp_path: Path, synced: list[str]
) -> None:
    source = tmp_path / "scratch"
    source.write_bytes(b"bytes")
    storage = FolderStorage(tmp_path / "data")
    await storage.store({KEY: source})
    stored = storage.path(KEY)
    assert stored.samefile(source)
    # The bytes before the name, and the name with those of all new folders before the answer.
    first, *folders = synced
    assert durable_writes.FOLDER in first
    assert sorted(folders) == sorted(map(str, list(stored.parents)[:4]))
    assert unfinished(tmp_path / "data") == set()
    source.unlink()
    assert stored.read_bytes() == b"bytes"


async def test_a_file_that_cannot_be_linked_is_copied(
    tmp_path: Path, synced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(os, "link", refuse)
    source = tmp_path / "scratch"
    source.write_bytes(b"bytes")
    storage = FolderStorage(tmp_path / "data")
    await storage.store({KEY: source})
    stored = storage.path(KEY)
    assert not stored.samefile(source)
    assert stored.read_bytes() == b"bytes"
    first, *folders = synced
    assert durable_writes.FOLDER in first
    assert sorted(folders) == sorted(map(str, list(stored.parents)[:4]))


async def test_a_file_of_another_file_system_is_copied_and_not_synced_there(
    tmp_path: Path, synced: list[str]
) -> None:
    source = Path(f"/dev/shm/wheelyard-test-{os.getpid()}")  # noqa: S108 - another file system
    assert source.parent.stat().st_dev != tmp_path.stat().st_dev
    source.write_bytes(b"bytes")
    try:
        storage = FolderStorage(tmp_path / "data")
        await storage.store({KEY: source})
        assert storage.path(KEY).read_bytes() == b"bytes"
        assert str(source) not in synced
    finally:
        source.unlink()


async def test_all_objects_of_an_upload_are_on_the_disk_before_the_first_has_its_name(
    tmp_path: Path, named_and_synced: list[str]
) -> None:
    storage, synced = FolderStorage(tmp_path), named_and_synced
    await storage.store({KEY: b"bytes"})
    synced.clear()
    await storage.store({"files/demo/2/a.whl": b"bytes", "files/demo/2/a.whl.metadata": b"Name: a"})
    files, names, folders = synced[:2], synced[2:4], synced[4:]
    assert [durable_writes.FOLDER in file for file in files] == [True, True]
    assert names == ["a.whl", "a.whl.metadata"]
    assert sorted(folders) == [str(tmp_path / "files/demo"), str(tmp_path / "files/demo/2")]


async def test_a_document_gets_its_name_when_the_names_of_its_objects_are_on_the_disk(
    tmp_path: Path, named_and_synced: list[str]
) -> None:
    storage, synced = FolderStorage(tmp_path), named_and_synced
    objects = {"files/demo/1/a.whl": b"bytes", "files/demo/1/a.whl.metadata": b"Name: a"}
    await storage.commit(objects, "projects/demo.json", lambda: b"{}", expected=None)
    bytes_, first, document = synced[:3], synced.index("a.whl"), synced.index("demo.json")
    assert [durable_writes.FOLDER in file for file in bytes_] == [True, True, True]
    assert synced[first : first + 2] == ["a.whl", "a.whl.metadata"]
    folders = {str(tmp_path / folder) for folder in ("files/demo/1", "files/demo", "files", "")}
    assert set(synced[first + 2 : document]) == folders
    assert set(synced[document + 1 :]) == {str(tmp_path / "projects"), str(tmp_path)}


IS_KILLED = """
import asyncio, itertools, os, pathlib, signal, sys
from wheelyard_server.storage.folder import FolderStorage

root, etag, last = sys.argv[1:]
steps = itertools.count(1)

def counted(call):
    def made(*args):
        result = call(*args)
        if next(steps) == int(last):
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return made

storage = FolderStorage(pathlib.Path(root))
for name in ("open", "fsync", "mkdir", "rename"):
    setattr(os, name, counted(getattr(os, name)))
objects = {"files/demo/2/a": b"bytes", "files/demo/2/b": b"more"}
asyncio.run(storage.commit(objects, "projects/demo.json", lambda: b"two", expected=etag))
"""


async def test_a_process_that_is_killed_at_any_step_of_a_commit_leaves_all_of_it_or_no_document(
    tmp_path: Path,
) -> None:
    for step in itertools.count(1):
        root = tmp_path / str(step)
        etag = await FolderStorage(root).write("projects/demo.json", b"one", expected=None)
        ended = subprocess.run([sys.executable, "-c", IS_KILLED, root, etag, str(step)], check=False).returncode
        assert ended in (0, -signal.SIGKILL)
        storage = FolderStorage(root)
        document = (await storage.read("projects/demo.json")).body
        assert unfinished(root) == set()
        if document == b"two":
            assert [(await storage.read(f"files/demo/2/{name}")).body for name in "ab"] == [b"bytes", b"more"]
        if ended == 0:
            assert (document, step > 10) == (b"two", True)
            break
        assert document in (b"one", b"two")


async def test_a_document_that_the_system_gives_in_pieces_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, read = FolderStorage(tmp_path), os.read
    await storage.write("projects/demo.json", b"0123456789", expected=None)
    monkeypatch.setattr(os, "read", lambda descriptor, size: read(descriptor, min(size, 3)))
    assert (await storage.read("projects/demo.json")).body == b"0123456789"


async def test_if_one_object_cannot_be_written_none_appears(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    with pytest.raises(ObjectNotFoundError):
        await storage.store({KEY: b"bytes", "files/demo/1/other": tmp_path / "none"})
    assert not storage.path(KEY).exists()
    assert unfinished(tmp_path) == set()


async def test_stored_files_are_readable_for_the_server_alone(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    await storage.store({KEY: b"bytes"})
    await storage.write("projects/a.json", b"{}", expected=None)
    assert {storage.path(key).stat().st_mode & 0o777 for key in (KEY, "projects/a.json")} == {0o600}


async def test_a_document_is_on_the_disk_before_it_has_its_name_and_its_name_before_the_answer(
    tmp_path: Path, synced: list[str]
) -> None:
    storage = FolderStorage(tmp_path / "data")
    await storage.write("projects/a.json", b"{}", expected=None)
    first, *folders = synced
    assert durable_writes.FOLDER in first
    assert sorted(folders) == [str(tmp_path / "data"), str(tmp_path / "data/projects")]


async def test_a_removed_scratch_folder_is_made_again_at_run_time(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "data")
    await storage.write("projects/a.json", b"{}", expected=None)
    shutil.rmtree(tmp_path / "data" / durable_writes.FOLDER)
    await storage.write("projects/b.json", b"{}", expected=None)
    assert storage.path("projects/b.json").read_bytes() == b"{}"


async def test_a_write_that_is_refused_leaves_nothing(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "data")
    await storage.write("projects/a.json", b"{}", expected=None)
    with pytest.raises(PreconditionFailedError):
        await storage.write("projects/a.json", b"{}", expected=None)
    assert unfinished(tmp_path / "data") == set()


STOPS_WHILE_WRITING = """
import contextlib, pathlib, signal, sys
from wheelyard_server.storage.durable_writes import Batch, DurableWrites

@contextlib.contextmanager
def wait():
    print("begun", flush=True)
    signal.pause()
    yield

root = pathlib.Path(sys.argv[1])
DurableWrites(root).write(Batch({f"{root}/a": b"bytes"}, wait()))
"""


async def test_files_of_a_killed_process_are_removed_at_the_next_start_and_those_of_a_live_one_are_kept(
    tmp_path: Path,
) -> None:
    own = FolderStorage(tmp_path)
    with subprocess.Popen([sys.executable, "-c", STOPS_WHILE_WRITING, tmp_path], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"begun\n"
        FolderStorage(tmp_path)
        assert len(unfinished(tmp_path)) == 1
        writer.kill()
    await own.write("projects/a.json", b"{}", expected=None)
    FolderStorage(tmp_path)
    assert unfinished(tmp_path) == set()
    assert not (tmp_path / "a").exists()
    await own.write("projects/b.json", b"{}", expected=None)


def test_a_folder_removed_as_a_leftover_before_it_was_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def make_and_start_another(dir: Path) -> str:  # noqa: A002 - the name that mkdtemp has
        made.append(mkdtemp(dir=dir))
        if len(made) == 1:
            DurableWrites(tmp_path)
        return made[-1]

    monkeypatch.setattr(durable_writes, "mkdtemp", make_and_start_another)
    DurableWrites(tmp_path).write(Batch({f"{tmp_path}/a": b"bytes"}))
    assert (tmp_path / "a").read_bytes() == b"bytes"
    assert len(made) == 2


@pytest.mark.parametrize(("age_ns", "known"), [(300_000_000, False), (1_100_000_000, True)])
async def test_a_file_system_with_whole_seconds_has_no_fingerprint_within_the_last_second(
    tmp_path: Path, *, age_ns: int, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = FolderStorage(tmp_path)
    await storage.write("projects/a.json", b"{}", expected=None)
    second = int(time.time()) * 1_000_000_000
    for path in (tmp_path / "projects", tmp_path / "projects/a.json"):
        os.utime(path, ns=(second, second))
    monkeypatch.setattr(time, "time_ns", lambda: second + age_ns)
    assert [storage.fingerprint(key) is not None for key in ("projects/", "projects/a.json")] == [known, known]
