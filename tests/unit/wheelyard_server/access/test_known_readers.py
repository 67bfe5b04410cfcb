"""Cached rights of readers: what the grants allow, and never older than the access file."""

import itertools
from collections.abc import Iterator

import msgspec
import pytest

from support.access import ACCESS, NOBODY, OWNER, PUBLISHER, READER
from support.http import auth
from wheelyard_server.access import known_readers
from wheelyard_server.access.known_readers import KnownReader
from wheelyard_server.access.reloading import Access, access_of
from wheelyard_server.access.rules import Grant, Method, Verb
from wheelyard_server.names import NormalizedName
from wheelyard_server.settings import Listener

PROJECTS = tuple(map(NormalizedName, ("demo", "open-a", "secret-x", "other")))
FILE = msgspec.structs.replace(
    ACCESS, external_grants=(Grant(subjects=("anonymous",), packages=("other",), verbs=(Verb.READ,)),)
)
READABLE = {
    (None, Listener.CLUSTER): {"demo", "open-a"},
    (None, Listener.EXTERNAL): {"other"},
    (READER, Listener.CLUSTER): {"demo", "open-a", "secret-x"},
    (READER, Listener.EXTERNAL): {"secret-x", "other"},
    (NOBODY, Listener.CLUSTER): {"demo", "open-a"},
    (NOBODY, Listener.EXTERNAL): {"other"},
    (OWNER, Listener.EXTERNAL): {"demo", "open-a", "other"},
}
"""Filled in by reading the access file, not by any code that decides it."""


def header(token: str | None) -> str | None:
    return None if token is None else auth(token)["Authorization"]


def readable(reader: KnownReader, access: Access, listener: Listener) -> set[str]:
    return {project for project in PROJECTS if reader.may_read(access, project, listener)}


@pytest.mark.parametrize(("token", "listener"), READABLE)
def test_a_reader_may_read_what_the_grants_allow_at_this_listener(token: str | None, listener: Listener) -> None:
    reader, access = KnownReader(header(token)), access_of(FILE)
    for _ in range(2):
        assert readable(reader, access, listener) == READABLE[token, listener]


def test_the_right_at_one_listener_is_never_that_at_the_other() -> None:
    reader, access = KnownReader(None), access_of(FILE)
    for listener in (Listener.CLUSTER, Listener.EXTERNAL, Listener.CLUSTER):
        assert readable(reader, access, listener) == READABLE[None, listener]


@pytest.mark.parametrize(
    "authorization",
    ["Basic !", "Bearer x", "Digest a", auth("not-a-token")["Authorization"], "Bearer eyJhIjoxfQ.e30.c2ln"],
)
def test_passwords_signed_tokens_and_invalid_credentials_may_read_nothing_here(authorization: str) -> None:
    reader = KnownReader(authorization)
    assert readable(reader, access_of(FILE), Listener.CLUSTER) == set()
    assert reader.method is Method.NONE


def test_a_new_access_file_counts_at_once() -> None:
    reader, found = KnownReader(header(PUBLISHER)), []
    for users in (FILE.users, (), FILE.users):
        access = access_of(msgspec.structs.replace(FILE, users=users))
        found.append((reader.may_read(access, PROJECTS[0], Listener.CLUSTER), reader.method))
    assert found == [(True, Method.TOKEN), (False, Method.NONE), (True, Method.TOKEN)]


@pytest.fixture
def numbered() -> Iterator[NormalizedName]:
    """Return one project after another."""
    return (NormalizedName(f"open-{number}") for number in itertools.count())


def test_cached_rights_are_bounded(numbered: Iterator[NormalizedName], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_readers, "MAX_CACHED_RIGHTS", 3)
    reader, access = KnownReader(None), access_of(FILE)
    for project in itertools.islice(numbered, 10):
        assert reader.may_read(access, project, Listener.CLUSTER)
    assert list(reader._rights) == [(f"open-{number}", Listener.CLUSTER) for number in (7, 8, 9)]
