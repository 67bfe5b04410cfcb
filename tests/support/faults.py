"""Every trouble that a storage can make, at every call of an operation: the check of one pair."""

import itertools
from collections.abc import Callable

import msgspec
import pytest

from support import invariants
from support.catalogs import START
from support.invariants import Page
from support.memory_storage import HANG_SECONDS, Fault, MemoryStorage
from support.operations import Operation, World
from wheelyard_server.catalog import edits, freshness
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.contents.content import SmallObjects
from wheelyard_server.errors import (
    FileExistsWithOtherContentError,
    FilenameDeletedError,
    NotFoundError,
    StorageUnavailableError,
)
from wheelyard_server.model import Project
from wheelyard_server.storage import layout

LONG = 1_000_000
"""Calls: until `recover`."""

READ = (bytes, frozenset)
"""What reads return; the answer to a write may differ from try to try."""

Trouble = Callable[[MemoryStorage, int], None]
"""Arms the storage: from the call of that number on, counted from 1, something goes wrong."""


async def check(world: World, operation: Operation, trouble: Trouble, *, warm: bool) -> int:
    """Make the trouble at each call of the operation in turn; return how many calls that were.

    `warm` is a replica that has seen the project before.
    """
    before = await invariants.page(Catalog(world.storage()), operation.project)
    undisturbed = Catalog(world.storage())
    result = await operation.run(undisturbed)
    after = await invariants.page(undisturbed, operation.project)
    for call in itertools.count(1):
        storage = world.storage()
        catalog = Catalog(storage)
        if warm:
            await invariants.page(catalog, operation.project)
            # Objects in memory cannot fail.
            catalog._contents.small = SmallObjects()
        begin = len(storage.calls)
        trouble(storage, call)
        acknowledged = await _attempt(operation, catalog, result)
        if len(storage.calls) - begin < call:
            return call - 1
        storage.recover()
        await _hold(operation, catalog, storage, {after} if acknowledged else {before, after})
        await _retry(operation, catalog, storage, result, after)
        await _names_stay_taken(world, storage, before, after)
    raise AssertionError


async def _attempt(operation: Operation, catalog: Catalog, expected: object) -> bool:
    """Return whether the operation was acknowledged. What a read returns is right or an error."""
    try:
        with pytest.MonkeyPatch.context() as patched:
            # A hang is longer than readers are patient, and both are short.
            patched.setattr(freshness, "PATIENCE_SECONDS", HANG_SECONDS / 2)
            result = await operation.run(catalog)
    except StorageUnavailableError:
        return False
    if operation.may_lack and isinstance(result, frozenset) and isinstance(expected, frozenset):
        assert result <= expected
    elif isinstance(expected, READ):
        assert result == expected
    return True


async def _hold(operation: Operation, catalog: Catalog, storage: MemoryStorage, allowed: set[Page]) -> None:
    """Check that this replica and a fresh one see the same, and something that may be."""
    here = await invariants.page(catalog, operation.project)
    there = await invariants.page(Catalog(storage), operation.project)
    assert here == there
    assert here in allowed, f"{here} is none of {allowed}"


async def _retry(
    operation: Operation, catalog: Catalog, storage: MemoryStorage, result: object, after: Page
) -> None:
    done = await invariants.page(catalog, operation.project) == after
    try:
        again = await operation.run(catalog)
    except NotFoundError:
        assert done, "a retry found nothing although the first try had not deleted it"
    else:
        assert again == result or not isinstance(result, READ)
    await _hold(operation, catalog, storage, {after})


async def _names_stay_taken(world: World, storage: MemoryStorage, before: Page, after: Page) -> None:
    for filename in before.filenames ^ after.filenames:
        try:
            await Catalog(storage).publish(world.others[filename])
        except (FileExistsWithOtherContentError, FilenameDeletedError):
            continue
        raise AssertionError(f"{filename} has got other content")


def failing(fault: Fault, times: int = 1) -> Trouble:
    """Make calls fail."""

    def arm(storage: MemoryStorage, call: int) -> None:
        storage.fail_at(call, fault, times)

    return arm


def overtaken(storage: MemoryStorage, call: int) -> None:
    """Let another replica change the document just before the call that is about it."""
    number = len(storage.calls) + call

    def change(_method: str, key: str) -> None:
        if len(storage.calls) == number and key.startswith(layout.DOCUMENTS) and key != layout.DOCUMENTS:
            storage.objects[key] = _changed(key, storage.objects.get(key))

    storage.before_call = change


def _changed(key: str, body: bytes | None) -> bytes:
    empty = Project(name=layout.project_of(key))
    project = msgspec.json.decode(body, type=Project) if body is not None else empty
    changed = edits.with_fenced(project, frozenset({"another upload"}), START)
    return msgspec.json.encode(changed.replace(operations=(*changed.operations, "another")))


TROUBLES: dict[str, Trouble] = {
    **{fault.name.lower(): failing(fault) for fault in Fault},
    "throttled": failing(Fault.LOST_REQUEST, 5),
    "outage": failing(Fault.LOST_REQUEST, LONG),
    "no answers": failing(Fault.LOST_ANSWER, LONG),
    "conflict storm": failing(Fault.CONFLICT, 10),
    "overtaken": overtaken,
}
