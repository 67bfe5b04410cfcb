"""A state machine: several replicas, clients, crashes, faults and the collector, against the simple model."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from support import invariants
from support.catalogs import DEMO
from support.index_model import Client, Kind, Model, Request
from support.memory_storage import Fault, MemoryStorage
from support.watched_storage import Crash, Mortal, WatchedStorage
from wheelyard_server.catalog import encoding
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.ownership import StorageFormat
from wheelyard_server.catalog.publish import Upload
from wheelyard_server.errors import StorageUnavailableError
from wheelyard_server.maintenance.gc import Collector
from wheelyard_server.model import Project
from wheelyard_server.model.status import Status
from wheelyard_server.storage import Storage, layout

T = TypeVar("T")

REPLICAS = range(3)
NEWER = {"newer": [1, {"key": None}]}
"""Keys of a newer release."""
MUCH_LATER = datetime(2027, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Something that goes wrong at the n-th storage call of a request."""

    call: int
    what: Fault | None
    """None: the replica is killed."""
    after: bool = False
    """Whether it is killed after the call's effect."""
    times: int = 1
    """How many calls fail."""


DISTURBANCES = st.builds(
    Disturbance,
    st.integers(1, 8),
    st.none() | st.sampled_from(Fault),
    st.booleans(),
    st.sampled_from([1, 3, 100]),
)


class Replica:
    """A server's catalog, which can be killed."""

    def __init__(self, storage: MemoryStorage) -> None:
        self.hooks = Mortal()
        self.storage = WatchedStorage(storage, self.hooks.before, self.hooks.after)
        self.catalog = Catalog(self.storage)


class IndexMachine(RuleBasedStateMachine):
    """One project on one storage. Set `uploads` in a subclass; `steps` counts over all runs."""

    uploads: dict[tuple[str, str], Upload]
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._storage = MemoryStorage()
        self._storage.objects[layout.INDEX] = msgspec.json.encode({"format": 1, "index": None, **NEWER})
        self._before = Project(name=DEMO)
        self._replicas = [Replica(self._storage) for _ in REPLICAS]
        self._model = Model()

    @rule(replica=st.sampled_from(REPLICAS), data=st.data(), disturbance=st.none() | DISTURBANCES)
    def upload(self, replica: int, data: st.DataObject, disturbance: Disturbance | None) -> None:
        filename, sha256 = data.draw(st.sampled_from(sorted(self.uploads)))
        self._ask(replica, Request(Kind.UPLOAD, filename, sha256), disturbance)

    @rule(
        replica=st.sampled_from(REPLICAS),
        kind=st.sampled_from([Kind.YANK, Kind.UNYANK, Kind.DELETE]),
        data=st.data(),
        disturbance=st.none() | DISTURBANCES,
    )
    def edit(self, replica: int, kind: Kind, data: st.DataObject, disturbance: Disturbance | None) -> None:
        filename, _ = data.draw(st.sampled_from(sorted(self.uploads)))
        self._ask(replica, Request(kind, filename), disturbance)

    @rule(replica=st.sampled_from(REPLICAS), disturbance=st.none() | DISTURBANCES)
    def delete_project(self, replica: int, disturbance: Disturbance | None) -> None:
        self._ask(replica, Request(Kind.DELETE_PROJECT), disturbance)

    @rule(
        replica=st.sampled_from(REPLICAS),
        status=st.sampled_from([*Status, *[Status.ACTIVE] * 4]),
        disturbance=st.none() | DISTURBANCES,
    )
    def set_status(self, replica: int, status: Status, disturbance: Disturbance | None) -> None:
        self._ask(replica, Request(Kind.SET_STATUS, status=status), disturbance)

    @rule(disturbance=st.none() | DISTURBANCES)
    def raise_format(self, disturbance: Disturbance | None) -> None:
        """Let the newest format be written, as a server does that may."""
        raised = StorageFormat(self._replicas[0].storage, lambda: True)
        self._disturbed(0, disturbance, raised.current())

    @precondition(lambda self: layout.document(DEMO) in self._storage.objects)
    @rule()
    def edit_by_a_newer_release(self) -> None:
        """Put unknown keys into the document."""
        key = layout.document(DEMO)
        self._storage.objects[key] = msgspec.json.encode(msgspec.json.decode(self._storage.objects[key]) | NEWER)

    @rule(replica=st.sampled_from(REPLICAS))
    def restart(self, replica: int) -> None:
        self._replicas[replica] = Replica(self._storage)

    @rule(replica=st.sampled_from(REPLICAS), disturbance=st.none() | DISTURBANCES)
    def collect_garbage(self, replica: int, disturbance: Disturbance | None) -> None:
        """Run the collector; if nothing disturbs it, exactly what the document names is left."""
        self._disturbed(replica, disturbance, _collect(self._replicas[replica].storage))
        if disturbance is None:
            assert len(self._stored()) == len(self._model.files)

    @invariant()
    def every_replica_shows_what_the_model_has(self) -> None:
        """Look at each; a fresh one also offers all of it for download."""
        type(self).steps += 1
        assert self._run(invariants.page(Catalog(self._storage), DEMO)) == self._model.page
        for replica in self._replicas:
            assert self._run(invariants.listing_unshared(replica.catalog, DEMO)) == self._model.page
            assert self._run(invariants.listing(replica.catalog, DEMO)) == self._model.page

    @invariant()
    def the_document_only_goes_forward(self) -> None:
        """See that its format and its serial only grow, and keys of a newer release stay."""
        body = self._storage.objects.get(layout.document(DEMO))
        after = encoding.decode(body) if body else self._before
        if after != self._before:
            assert after.format >= self._before.format
            assert after.unknown or not self._before.unknown
            has_serials = self._before.serial > 0
            is_written = after.operations != self._before.operations
            assert not (has_serials and is_written) or after.serial > self._before.serial
        self._before = after
        assert NEWER.items() <= msgspec.json.decode(self._storage.objects[layout.INDEX]).items()

    def teardown(self) -> None:
        self._loop.close()

    def _ask(self, replica: int, request: Request, disturbance: Disturbance | None) -> None:
        after, expected = self._model.ask(request)
        client = Client(self._replicas[replica].catalog, self.uploads)
        answered, answer = self._disturbed(replica, disturbance, client.ask(request))
        if answered:
            assert answer == expected
            self._model = after
        else:
            self._settle(after)

    def _settle(self, after: Model) -> None:
        """Settle a call without an answer: it has happened or it has not, and from now on that stays."""
        found = self._run(invariants.page(Catalog(self._storage), DEMO))
        assert found in (self._model.page, after.page)
        if found == after.page:
            self._model = after

    def _disturbed(
        self, replica: int, disturbance: Disturbance | None, request: Coroutine[None, None, T]
    ) -> tuple[bool, T | None]:
        """Return whether there was an answer, and which."""
        if disturbance is not None and disturbance.what is None:
            self._replicas[replica].hooks.kill_at(disturbance.call, after=disturbance.after)
        elif disturbance is not None and disturbance.what is not None:
            self._storage.fail_at(disturbance.call, disturbance.what, disturbance.times)
        try:
            return True, self._run(request)
        except (Crash, StorageUnavailableError):
            assert disturbance is not None
            return False, None
        finally:
            self._storage.recover()
            if disturbance is not None and disturbance.what is None:
                self._replicas[replica] = Replica(self._storage)

    def _stored(self) -> set[str]:
        parsed = (layout.parse_file_key(key) for key in self._storage.objects if key.startswith(layout.FILES))
        return {each.upload_id for each in parsed if each is not None}

    def _run(self, work: Coroutine[None, None, T]) -> T:
        return self._loop.run(work)


async def _collect(storage: Storage) -> None:
    try:
        await Collector(storage, lambda _: None, MUCH_LATER, timedelta(), with_unnamed=True).run()
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from several
