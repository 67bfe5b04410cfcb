"""Decompression of exactly one complete stream, in bounded memory."""

import io
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from wheelyard_server.errors import InvalidUploadError

CHUNK_BYTES = 256 * 1024
DEFLATE = -zlib.MAX_WBITS
GZIP = zlib.MAX_WBITS + 16


def raw_chunks(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield the next `size` bytes of a file."""
    while size:
        chunk = file.read(min(size, CHUNK_BYTES))
        if not chunk:
            raise InvalidUploadError("The archive ends too early: it is damaged or incomplete")
        size -= len(chunk)
        yield chunk


def inflate(chunks: Iterable[bytes], window_bits: int) -> Iterator[bytes]:
    """Yield the decompressed `chunks`, in pieces not much longer than a chunk.

    Raises `InvalidUploadError` unless they are exactly one stream: some readers see data after it,
    others do not.
    """
    inflater = zlib.decompressobj(window_bits)
    try:
        for chunk in chunks:
            yield from _inflate_chunk(inflater, chunk)
        while not inflater.eof and (rest := inflater.decompress(b"", CHUNK_BYTES)):
            yield rest
    except zlib.error as error:
        raise InvalidUploadError(f"The archive contains damaged compressed data: {error}") from None
    if not inflater.eof:
        raise InvalidUploadError("The archive contains truncated compressed data")


def _inflate_chunk(inflater: "zlib._Decompress", chunk: bytes) -> Iterator[bytes]:
    while chunk:
        if inflater.eof:
            raise InvalidUploadError("The archive contains data after the end of compressed data")
        inflated = inflater.decompress(chunk, CHUNK_BYTES)
        chunk = inflater.unconsumed_tail or inflater.unused_data
        if inflated:
            yield inflated


def as_file(chunks: Iterator[bytes]) -> BinaryIO:
    """Return a file that reads from the chunks."""
    return io.BufferedReader(_ChunkReader(chunks), CHUNK_BYTES)


class _ChunkReader(io.RawIOBase):
    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._rest = self._rest or memoryview(next(self._chunks, b""))
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
