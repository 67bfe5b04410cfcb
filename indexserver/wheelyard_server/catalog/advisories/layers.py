"""The objects: advisories of many projects, packed in chunks that are each read within a millisecond."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice

import msgspec
import zstandard

from wheelyard_server.errors import DamagedObjectError, ObjectNotFoundError
from wheelyard_server.policy.advisories import unpacked
from wheelyard_server.sliced import Slices, in_slices
from wheelyard_server.storage import Storage, layout

_FORMAT = 1
_NAMES_IN_A_CHUNK = 250
_LEVEL = 9


class Layer(msgspec.Struct, frozen=True, array_like=True):
    """Advisories of projects: all that are known, or of those that have changed."""

    names: dict[str, bytes] = {}
    """Packed advisories by normalized name; empty ones if there are no more."""
    others: dict[str, datetime] = {}
    """Records that say nothing: withdrawn ones, and those that cannot be read; when each last changed, by id."""
    digests: dict[str, str] = {}
    """Names of projects by digests of files that are malware."""


class _Object(msgspec.Struct, frozen=True, array_like=True):
    format: int
    chunks: list[bytes]


def encoded(layer: Layer) -> Slices[bytes]:
    """Return the bytes of an object."""
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    chunks = []
    for part in _parts(layer):
        chunks.append(compressor.compress(msgspec.msgpack.encode(part)))
        yield
    return msgspec.msgpack.encode(_Object(_FORMAT, chunks))


def decoded(body: bytes) -> Slices[Layer]:
    """Return the layer of an object; raise `msgspec.MsgspecError`, `zstandard.ZstdError` or ValueError."""
    found = msgspec.msgpack.decode(body, type=_Object)
    if found.format != _FORMAT:
        raise ValueError(f"a newer server wrote this object (format {found.format})")
    decompressor, layer = zstandard.ZstdDecompressor(), Layer({}, {}, {})
    for chunk in found.chunks:
        part = msgspec.msgpack.decode(decompressor.decompress(chunk), type=Layer)
        for each in part.names.values():
            unpacked(each)  # So that no request fails later.
        layer.names.update(part.names)
        layer.others.update(part.others)
        layer.digests.update(part.digests)
        yield
    return layer


async def store(storage: Storage, layer: Layer) -> str:
    """Store a layer and return its digest; raise `StorageError`."""
    body = await in_slices(encoded(layer))
    digest = hashlib.sha256(body).hexdigest()
    await storage.store({layout.advisories(digest): body})
    return digest


async def load(storage: Storage, digest: str) -> Layer:
    """Return a layer; raise `DamagedObjectError` if it is lost, and `StorageUnavailableError`."""
    key = layout.advisories(digest)
    try:
        body = (await storage.read(key)).body
    except ObjectNotFoundError:
        raise DamagedObjectError(key, "is missing") from None
    if hashlib.sha256(body).hexdigest() != digest:
        raise DamagedObjectError(key, "has other bytes than its name says")
    try:
        return await in_slices(decoded(body))
    except (msgspec.MsgspecError, zstandard.ZstdError, ValueError) as error:
        raise DamagedObjectError(key, str(error)) from error


def _parts(layer: Layer) -> Iterator[Layer]:
    yield Layer({}, layer.others, layer.digests)
    names = iter(sorted(layer.names.items()))
    while part := dict(islice(names, _NAMES_IN_A_CHUNK)):
        yield Layer(part, {}, {})


def merged_others(layers: Sequence[Layer]) -> dict[str, datetime]:
    """Return when the records that say nothing last changed, by id; the first layer counts most."""
    return {id_: changed for layer in reversed(layers) for id_, changed in layer.others.items()}
