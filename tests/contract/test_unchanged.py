"""Whether a document has changed, asked of a real S3 that keeps connections, as AWS does."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import boto3
import obstore
import pytest

from cluster import versitygw
from cluster.versitygw import S3Server
from support.patience import HANG_SECONDS
from support.tls import Tls, tls
from wheelyard_server.errors import ObjectNotFoundError, ObjectUnchangedError, StorageUnavailableError
from wheelyard_server.settings import S3
from wheelyard_server.storage import ETag, conditional_get, s3
from wheelyard_server.storage.conditional_get import ConditionalGets
from wheelyard_server.storage.s3 import S3Storage

KEY = "projects/demo.json"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with versitygw.running(tmp_path_factory.mktemp("s3"), keeps_connections=True) as running:
        yield running


@pytest.fixture
def door(server: S3Server, tmp_path: Path) -> Iterator[Tls]:
    with tls(server.endpoint, tmp_path) as made:
        yield made


@pytest.fixture
async def storage(
    server: S3Server, bucket_names: Iterator[str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[S3Storage]:
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(conditional_get, "ANSWER_SECONDS", HANG_SECONDS)
    bucket = next(bucket_names)
    # A session of its own: boto3's remembers the keys of the first server that it is used for.
    boto3.Session().client("s3").create_bucket(Bucket=bucket)
    made = s3.connect(S3(bucket=bucket, prefix="team/", endpoint=server.endpoint))
    yield made
    if made.conditional_gets is not None:
        made.conditional_gets.close()
        await asyncio.sleep(0.01)


async def is_unchanged(storage: S3Storage, etag: ETag) -> bool:
    try:
        await storage.read(KEY, if_none_match=etag)
    except ObjectUnchangedError:
        return True
    return False


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the keys of objects that are read through obstore from now on."""
    read: list[str] = []
    get = obstore.store.S3Store.get_async

    async def counted(store: obstore.store.S3Store, path: str, **options: object) -> object:
        read.append(path)
        return await get(store, path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(obstore.store.S3Store, "get_async", counted)
    return read


async def test_an_unchanged_object_needs_no_read(storage: S3Storage, reads: list[str]) -> None:
    etag = await storage.write(KEY, b"one", expected=None)
    assert [await is_unchanged(storage, etag) for _ in range(20)] == [True] * 20
    assert reads == []


async def test_every_change_is_seen_by_the_next_question(storage: S3Storage, reads: list[str]) -> None:
    etag = await storage.write(KEY, b"0", expected=None)
    for number in range(1, 50):
        assert await is_unchanged(storage, etag)
        newer = await storage.write(KEY, b"%d" % number, expected=etag)
        assert await storage.read(KEY, if_none_match=etag) == (b"%d" % number, newer)
        etag = newer
    assert len(reads) == 49
    await storage.delete(KEY)
    with pytest.raises(ObjectNotFoundError):
        await storage.read(KEY, if_none_match=etag)


async def test_a_changed_document_is_checked_once_and_read_once(
    storage: S3Storage, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []
    ask = conditional_get._Connection.ask

    async def counted(connection: conditional_get._Connection, question: bytes) -> conditional_get._Answer:
        asked.append(question)
        return await ask(connection, question)

    etag = await storage.write(KEY, b"one", expected=None)
    assert await storage.is_unchanged(KEY, etag)
    newer = await storage.write(KEY, b"two", expected=etag)
    monkeypatch.setattr(conditional_get._Connection, "ask", counted)
    assert not await storage.is_unchanged(KEY, etag)
    assert await storage.read(KEY, if_none_match=etag) == (b"two", newer)
    assert (len(asked), reads) == (1, [KEY])
    assert await storage.is_unchanged(KEY, newer)
    # As it was before, however it was restored: no request is made, and the read finds out.
    assert await storage.write(KEY, b"one", expected=newer) == etag
    assert not await storage.is_unchanged(KEY, etag)
    assert await is_unchanged(storage, etag)


async def test_many_objects_at_the_same_time(storage: S3Storage) -> None:
    keys = [f"projects/a {number}+ä.json" for number in range(200)]
    etags = await asyncio.gather(*(storage.write(key, key.encode(), expected=None) for key in keys))
    pairs = list(zip(keys, etags, strict=True))
    for _ in range(3):
        answers = await asyncio.gather(
            *(storage.read(*pair[:1], if_none_match=pair[1]) for pair in pairs), return_exceptions=True
        )
        assert {type(answer) for answer in answers} == {ObjectUnchangedError}


async def test_an_url_that_has_expired_makes_it_slower_and_not_wrong(
    storage: S3Storage, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "LINK_LIFETIME", timedelta(seconds=1))
    etag = await storage.write(KEY, b"one", expected=None)
    assert await is_unchanged(storage, etag)
    reads.clear()  # On a slow machine the URL had expired already.
    await asyncio.sleep(2.1)
    assert await is_unchanged(storage, etag)
    newer = await storage.write(KEY, b"two", expected=etag)
    assert await storage.read(KEY, if_none_match=etag) == (b"two", newer)
    assert reads == [KEY, KEY]


async def test_a_key_that_was_taken_away_is_an_outage_as_for_a_read(
    storage: S3Storage, server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    etag = await storage.write(KEY, b"one", expected=None)
    bucket = storage._store.config["bucket"]
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    stranger = s3.connect(S3(bucket=bucket, prefix="team/", endpoint=server.endpoint))
    with pytest.raises(StorageUnavailableError):
        await stranger.read(KEY, if_none_match=etag)


async def test_a_signature_of_a_key_that_is_no_more_makes_it_slower_and_not_wrong(
    storage: S3Storage, server: S3Server, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    etag = await storage.write(KEY, b"one", expected=None)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of yesterday")
    old = s3.connect(S3(bucket=storage._store.config["bucket"], prefix="team/", endpoint=server.endpoint))
    storage.conditional_gets = ConditionalGets(old.presigned)
    assert [await is_unchanged(storage, etag) for _ in range(2)] == [True] * 2
    assert reads == [KEY, KEY]


async def test_only_the_authorities_of_the_settings_are_trusted(storage: S3Storage, door: Tls) -> None:
    etag = await storage.write(KEY, b"one", expected=None)
    for bundle, reaches_it in ((f"# of \u00c4cme Ltd\n{door.certificate.read_text()}", True), ("", False)):
        behind = S3(bucket=storage._store.config["bucket"], prefix="team/", endpoint=door.url, ca_bundle=bundle)
        asked = s3.connect(behind).conditional_gets
        assert asked is not None
        assert await asked.is_unchanged(KEY, etag) is reaches_it
        asked.close()
        await asyncio.sleep(0.1)


async def test_where_there_is_a_proxy_all_goes_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert s3.connect(S3(bucket="any")).conditional_gets is None
