"""A form as it arrives (`multipart/form-data`, RFC 7578): fields in memory, its one file received."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack

from aiohttp import web
from aiohttp.http import HttpProcessingError
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from wheelyard_server.catalog.scratch import Received, Receiver, Scratch
from wheelyard_server.errors import BusyError, InvalidUploadError, RegistrationError

log = logging.getLogger(__name__)

CHUNK_BYTES = 512 * 1024
"""Of a file, written and hashed at a time; with `CHUNKS_AHEAD`, bounds the memory of an upload.

A file that is smaller than this is never written: it stays in memory."""
FIELDS_BYTES = 8 * 1024 * 1024
"""All fields of the form besides the file; a long description is the largest of them."""
PART_BYTES = 100
"""What each part of the form costs besides its name and value."""
PARTS_AT_ONCE = 100
"""Of a form, before others have their turn of the event loop."""
FILE = "content"
_LINE_FEED_ALONE = b"\n--"
_DECLARED = ("md5", "sha256", "blake2_256")
"""Algorithms of the digests that a form can declare, as its fields name them."""
_BLAKE2_512_DIGITS = 128

Fields = dict[str, str]
MaxBytes = Mapping[str, int]
"""By the name of a field."""


class Form:
    """Takes a form, part by part."""

    def __init__(self, wanted: MaxBytes, receiver: Callable[[Collection[str]], Receiver]) -> None:
        """Keep the `wanted` fields; `receiver` gives what takes the file and these digests of it."""
        self.fields: Fields = {}
        """The wanted ones, the first of each name."""
        self.filename = ""
        self.content: Received | None = None
        self.parts = 0
        """That have begun."""
        self.begins_as_registration = False
        """Its lines end as those of `setup.py register` do, which no parser reads as a form."""
        self._wanted = wanted
        self._new_receiver = receiver
        self._receiver: Receiver | None = None
        self._budget = FIELDS_BYTES
        self._name = ""
        self._pending: list[bytes] = []
        self._pending_bytes = 0

    @property
    def is_registration(self) -> bool:
        """Return whether this is what `setup.py register` or `twine register` sends."""
        return self.begins_as_registration or self.fields.get(":action") == "submit"

    async def take(self, event: MultipartSegment | bytes | None) -> None:
        """Take the beginning of a part, some of its bytes, or its end."""
        if isinstance(event, MultipartSegment):
            self._begin(event)
        elif event is None:
            await self._end()
        else:
            await self._add(event)

    def _begin(self, part: MultipartSegment) -> None:
        self.parts += 1
        self._name = part.name
        if not self._name:
            raise InvalidUploadError("The form has a part without a name")
        if self._name != FILE:
            self._spend(len(self._name) + PART_BYTES)
        elif self._receiver is not None:
            raise InvalidUploadError("The form has more than one file")
        else:
            self.filename = part.filename or ""
            self._receiver = self._new_receiver(declared_digests(self.fields))

    async def _add(self, data: bytes) -> None:
        if self._name == FILE:
            self._keep(data)
            if self._pending_bytes >= CHUNK_BYTES:
                await self._write()
            return
        self._spend(len(data))
        # Fields like `classifiers` come many times; none of those is needed.
        most = self._wanted.get(self._name)
        if most is None:
            return
        self._keep(data)
        if self._pending_bytes > most:
            raise InvalidUploadError(f"The form's field {self._name} is larger than {most} bytes")

    async def _end(self) -> None:
        if self._name == FILE:
            assert self._receiver is not None  # noqa: S101 - its beginning came before its end
            self.content = await self._receiver.finish(self._taken())
        elif self._name in self._wanted:
            self.fields.setdefault(self._name, self._taken().decode(errors="replace"))

    async def _write(self) -> None:
        assert self._receiver is not None  # noqa: S101 - same
        await self._receiver.write(self._taken())

    def _keep(self, data: bytes) -> None:
        self._pending.append(data)
        self._pending_bytes += len(data)

    def _taken(self) -> bytes:
        taken, self._pending, self._pending_bytes = b"".join(self._pending), [], 0
        return taken

    def _spend(self, size: int) -> None:
        self._budget -= size
        if self._budget < 0:
            raise InvalidUploadError(f"The form's fields are larger than {FIELDS_BYTES} bytes together")


def declared_digests(fields: Fields) -> dict[str, str]:
    """Return the digests that a form says its file has, in lower case, by algorithm."""
    declared = {algorithm: fields.get(f"{algorithm}_digest", "").lower() for algorithm in _DECLARED}
    if len(declared["blake2_256"]) == _BLAKE2_512_DIGITS:
        # distutils (`setup.py upload` of Python 3.6 to 3.11) sends all 512 bits of BLAKE2b.
        declared["blake2_512"] = declared.pop("blake2_256")
    return {algorithm: digest for algorithm, digest in declared.items() if digest}


async def receive(
    request: web.Request, wanted: MaxBytes, scratch: Scratch, until_done: ExitStack
) -> tuple[Fields, str, Received]:
    """Read the whole form; the file, where it is not small, is in scratch space until `until_done` is closed."""
    form = Form(wanted, lambda digests: until_done.enter_context(scratch.receiver(digests)))
    try:
        with PushMultipartParser(_boundary(request)) as parser:
            async for chunk in request.content.iter_any():
                form.begins_as_registration |= not form.parts and chunk.startswith(_LINE_FEED_ALONE)
                for event in parser.parse(chunk):
                    await form.take(event)
                    if isinstance(event, MultipartSegment) and form.parts % PARTS_AT_ONCE == 0:
                        await asyncio.sleep(0)
    except (MultipartError, HttpProcessingError) as error:
        if form.is_registration:
            raise RegistrationError from error
        raise InvalidUploadError(f"The form is damaged: {' '.join(str(error).split())}") from error
    except ConnectionError as error:
        # The client's end, not the disk's, though it is an OSError too.
        raise InvalidUploadError("The client went away before the whole form had arrived") from error
    except OSError as error:
        log.error("An upload could not be received: %s", error)  # noqa: TRY400 - the reason is all there is
        raise BusyError("The server has no room for the file now, try again") from error
    if form.content is None and form.is_registration:
        raise RegistrationError
    if form.content is None:
        raise InvalidUploadError(f"The form has no file in a field `{FILE}`")
    return form.fields, form.filename, form.content


def _boundary(request: web.Request) -> str:
    _, options = parse_options_header(request.headers.get("Content-Type", ""))
    return str(options.get("boundary", ""))
