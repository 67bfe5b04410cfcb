"""The way from a request to the catalog: by the listener's rules, and by the access file in force."""

from pathlib import Path

import msgspec
import pytest

from support.access import ACCESS, PUBLISHER, READER
from support.catalogs import DEMO, publish
from support.http import auth
from support.memory_storage import MemoryStorage
from wheelyard_server.access.access_file import AccessFile
from wheelyard_server.access.audit import AuditRecord
from wheelyard_server.access.catalog_access import CatalogAccess, Login
from wheelyard_server.access.passwords import PasswordChecker
from wheelyard_server.access.reloading import CurrentAccess
from wheelyard_server.access.rules import Method, Verb
from wheelyard_server.access.session_file import SessionFile
from wheelyard_server.access.sessions import Sessions
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.clock import utc_now
from wheelyard_server.errors import UnauthenticatedError
from wheelyard_server.settings import Listener


class World:
    """One project, and the access file that says who may read it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "access.yaml"
        self.file.write_bytes(msgspec.yaml.encode(ACCESS))
        self.current = CurrentAccess(self.file, lambda: 0)
        self.storage = MemoryStorage()
        passwords = PasswordChecker(lambda: 0)
        sessions = Sessions(SessionFile, "", utc_now)
        self.access = CatalogAccess(Catalog(self.storage), self.current, passwords, sessions)

    def change(self, access: AccessFile) -> None:
        self.file.write_bytes(msgspec.yaml.encode(access))
        self.current.reload()


@pytest.fixture
async def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    await publish(world.storage, tmp_path, "1.0")
    return world


def login(token: str | None) -> Login:
    return Login(None if token is None else auth(token)["Authorization"], "192.0.2.1")


async def test_the_rules_of_the_listener_count(world: World) -> None:
    inside = await world.access.guarded_catalog(login(None), Listener.CLUSTER, AuditRecord())
    assert (await inside.project(DEMO)).project.name == DEMO
    outside = await world.access.guarded_catalog(login(None), Listener.EXTERNAL, AuditRecord())
    with pytest.raises(UnauthenticatedError):
        await outside.project(DEMO)
    assert [world.access.allows_anonymous_reads(each) for each in Listener] == [True, False]


async def test_the_record_has_the_principal_and_its_method(world: World) -> None:
    record = AuditRecord()
    catalog = await world.access.guarded_catalog(login(PUBLISHER), Listener.CLUSTER, record)
    assert (str(record.principal), record.method) == ("ci.publisher", Method.TOKEN)
    assert catalog.verbs == (Verb.READ, Verb.PUBLISH)


async def test_a_login_is_checked_again_once_the_access_file_has_changed(world: World) -> None:
    presented = login(READER)
    for _ in range(2):
        await world.access.guarded_catalog(presented, Listener.CLUSTER, AuditRecord())
    world.change(msgspec.structs.replace(ACCESS, users=()))
    with pytest.raises(UnauthenticatedError):
        await world.access.guarded_catalog(presented, Listener.CLUSTER, AuditRecord())


async def test_the_fast_lane_gets_the_catalog_for_reading_alone(world: World) -> None:
    readable = world.access.readable_catalog()
    assert not {"publish", "yank", "unyank", "delete", "set_status"} & set(dir(readable))
