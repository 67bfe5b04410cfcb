import inspect
from typing import Any, cast

import kopf
import pytest

from unit.wheelyard_operator.fakes import a_user, exception_body, index_body, namespace_body, user_body
from wheelyard_operator.__main__ import kopf_settings
from wheelyard_operator.desired.credentials import Credentials
from wheelyard_operator.desired.user_secret import user_secret
from wheelyard_operator.handlers import CHILDREN, Handlers, register
from wheelyard_operator.process.queue import WorkQueue
from wheelyard_operator.resource import Key

MAIN = Key("PackageIndex", "packages", "main")
FAR = Key("IndexUser", "ci", "far")
URLLIB3 = Key("PackageException", "ci", "urllib3")


class Keys:
    """Collects what is added."""

    def __init__(self) -> None:
        self.added: list[Key] = []

    def add(self, key: Key) -> None:
        self.added.append(key)

    def known(self, kind: str) -> list[Key]:
        return [Key(kind, "packages", "second")]

    def taken(self) -> set[Key]:
        taken = set(self.added)
        self.added = []
        return taken


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def handlers(keys: Keys) -> Handlers:
    return Handlers(cast("WorkQueue", keys))


def event(body: dict[str, Any], kind: str = "MODIFIED") -> Any:
    return {"type": kind, "object": body}


async def test_a_user_wakes_its_index(handlers: Handlers, keys: Keys) -> None:
    await handlers.on_user(event(user_body("far", "ci")))
    assert keys.taken() == {FAR, MAIN}


async def test_a_user_that_cannot_be_read_is_looked_at_all_the_same(handlers: Handlers, keys: Keys) -> None:
    odd = user_body("far", "ci")
    odd["spec"] = "odd"
    with pytest.raises(AttributeError):
        await handlers.on_user(event(odd))
    assert keys.taken() == {FAR}


async def test_an_index_wakes_its_users_only_when_it_was_edited(handlers: Handlers, keys: Keys) -> None:
    await handlers.on_user(event(user_body("far", "ci")))
    body = index_body()
    await handlers.on_index(event(body))
    assert FAR in keys.taken()
    await handlers.on_index(event(body))
    assert keys.taken() == {MAIN}
    body["metadata"]["generation"] = 2
    await handlers.on_index(event(body))
    assert keys.taken() == {MAIN, FAR}


async def test_an_exception_wakes_its_index_and_an_edited_index_its_exceptions(
    handlers: Handlers, keys: Keys
) -> None:
    await handlers.on_exception(event(exception_body()))
    assert keys.taken() == {URLLIB3, MAIN}
    await handlers.on_index(event(index_body()))
    assert keys.taken() == {URLLIB3, MAIN}
    await handlers.on_exception(event(exception_body(), "DELETED"))
    assert keys.taken() == {URLLIB3, MAIN}
    body = index_body()
    body["metadata"]["generation"] = 2
    await handlers.on_index(event(body))
    assert keys.taken() == {MAIN}


async def test_a_users_secret_wakes_both(handlers: Handlers, keys: Keys) -> None:
    await handlers.on_child(event(user_secret(a_user("far", "ci"), "http://x/", Credentials()), "DELETED"))
    assert keys.taken() == {FAR, MAIN}


async def test_a_child_wakes_its_index(handlers: Handlers, keys: Keys) -> None:
    labels = {"wheelyard.dev/index": "main"}
    await handlers.on_child(event({"metadata": {"namespace": "packages", "name": "x", "labels": labels}}))
    assert keys.taken() == {MAIN}


async def test_a_namespace_wakes_its_users_and_their_indexes(handlers: Handlers, keys: Keys) -> None:
    await handlers.on_user(event(user_body("far", "ci")))
    await handlers.on_exception(event(exception_body()))
    keys.taken()
    await handlers.on_namespace(event(namespace_body("other")))
    assert keys.taken() == set()
    await handlers.on_namespace(event(namespace_body("ci")))
    assert keys.taken() == {FAR, MAIN}


def test_kopf_calls_the_handlers_in_the_event_loop_where_the_queue_lives(handlers: Handlers) -> None:
    registry = kopf.OperatorRegistry()
    register(handlers, registry, lambda _: None)
    for handler in registry._watching._handlers:
        assert inspect.iscoroutinefunction(handler.fn), handler.id


async def test_each_event_is_counted_by_resource(handlers: Handlers, keys: Keys) -> None:
    """A watch that brings nothing any more is seen by that."""
    seen: list[str] = []
    registry = kopf.OperatorRegistry()
    register(handlers, registry, seen.append)
    by_id = {str(handler.id): handler for handler in registry._watching._handlers}
    await cast("Any", by_id["packageindexes"].fn)(event=event(index_body()), memo=None)
    await cast("Any", by_id["indexusers"].fn)(event=event(user_body("far", "ci")), memo=None)
    await cast("Any", by_id["packageexceptions"].fn)(event=event(exception_body()), memo=None)
    assert seen == ["packageindexes", "indexusers", "packageexceptions"]
    assert keys.taken() == {MAIN, FAR, URLLIB3}
    assert set(by_id) == {*seen, "namespaces", *(plural for _, plural in CHILDREN)}


def test_nothing_but_watching_is_registered(handlers: Handlers) -> None:
    registry = kopf.OperatorRegistry()
    register(handlers, registry, lambda _: None)
    assert len(registry._watching._handlers) == 4 + len(CHILDREN)
    assert not registry._changing._handlers
    assert not registry._spawning._handlers


def test_an_operator_of_some_namespaces_watches_nothing_of_the_cluster(handlers: Handlers) -> None:
    registry = kopf.OperatorRegistry()
    register(handlers, registry, lambda _: None, everywhere=False)
    assert len(registry._watching._handlers) == 3 + len(CHILDREN)
    assert kopf_settings(everywhere=False).scanning.disabled, "it would list namespaces and CRDs, and be refused"
    assert "namespaces" not in str([handler.selector for handler in registry._watching._handlers])


def test_names_of_kopfs_settings_exist() -> None:
    """Python would let us set anything, and kopf would not notice."""
    fresh, ours = kopf.OperatorSettings(), kopf_settings()
    for group in ("posting", "peering", "watching", "networking"):
        assert vars(getattr(ours, group)).keys() == vars(getattr(fresh, group)).keys()
    assert not ours.posting.enabled
    watching = ours.watching
    assert None not in {watching.server_timeout, watching.client_timeout, watching.connect_timeout}
    assert watching.inactivity_timeout < 120, "within which a watch that has died silently is noticed"
    assert ours.peering.standalone
    assert len(ours.watching.label_selectors) == len(CHILDREN)
