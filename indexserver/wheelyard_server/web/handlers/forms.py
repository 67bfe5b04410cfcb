"""Receives the form of an upload (`multipart/form-data`, RFC 7578)."""

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
"""The part of a file that is written and hashed at a time.

With `CHUNKS_AHEAD`, it bounds the memory of an upload. A smaller file is never written: it stays in
memory."""
MAX_FIELDS_BYTES = 8 * 1024 * 1024
"""The most for all fields of a form without the file; a long description is the largest of them."""
PART_BYTES = 100
"""The cost of each part of the form, apart from its name and value."""
PARTS_AT_ONCE = 100
"""Parts of a form that are read before other requests have their turn of the event loop."""
FILE = "content"
_LINE_FEED_ALONE = b"\n--"
_DECLARED = ("md5", "sha256", "blake2_256")
"""Algorithms of the digests that a form can declare, by the names of its fields."""
_BLAKE2_512_DIGITS = 128

Fields = dict[str, str]
MaxBytes = Mapping[str, int]
"""The size limit of each field, by its name."""


class Form:
    """Reads a form, part by part."""

    def __init__(self, wanted: MaxBytes, receiver: Callable[[Collection[str]], Receiver]) -> None:
        """Keep the `wanted` fields; `receiver` makes the receiver of the file, given the declared digests."""
        self.fields: Fields = {}
        """The wanted fields; of several with one name, the first."""
        self.filename = ""
        self.content: Received | None = None
        self.parts = 0
        """The number of parts that have begun."""
        self.begins_as_registration = False
        """The lines end like those of `setup.py register`, which no parser accepts as a form."""
        self._wanted = wanted
        self._new_receiver = receiver
        self._receiver: Receiver | None = None
        self._budget = MAX_FIELDS_BYTES
        self._name = ""
        self._pending: list[bytes] = []
        self._pending_bytes = 0

    @property
    def is_registration(self) -> bool:
        """Return whether the form is one that `setup.py register` or `twine register` sends."""
        return self.begins_as_registration or self.fields.get(":action") == "submit"

    async def take(self, event: MultipartSegment | bytes | None) -> None:
        """Read the beginning of a part, some of its bytes, or its end (None)."""
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
            self._append(data)
            if self._pending_bytes >= CHUNK_BYTES:
                await self._write()
            return
        self._spend(len(data))
        # Some fields, such as `classifiers`, come many times; none of those is needed.
        max_bytes = self._wanted.get(self._name)
        if max_bytes is None:
            return
        self._append(data)
        if self._pending_bytes > max_bytes:
            raise InvalidUploadError(f"The form's field {self._name} is larger than {max_bytes} bytes")

    async def _end(self) -> None:
        if self._name == FILE:
            assert self._receiver is not None  # noqa: S101 - its beginning came before its end
            self.content = await self._receiver.finish(self._take_pending())
        elif self._name in self._wanted:
            self.fields.setdefault(self._name, self._take_pending().decode(errors="replace"))

    async def _write(self) -> None:
        assert self._receiver is not None  # noqa: S101 - same
        await self._receiver.write(self._take_pending())

    def _append(self, data: bytes) -> None:
        self._pending.append(data)
        self._pending_bytes += len(data)

    def _take_pending(self) -> bytes:
        taken, self._pending, self._pending_bytes = b"".join(self._pending), [], 0
        return taken

    def _spend(self, size: int) -> None:
        self._budget -= size
        if self._budget < 0:
            raise InvalidUploadError(f"The form's fields are larger than {MAX_FIELDS_BYTES} bytes together")


def declared_digests(fields: Fields) -> dict[str, str]:
    """Return the digests that a form declares for its file, in lower case, by algorithm."""
    declared = {algorithm: fields.get(f"{algorithm}_digest", "").lower() for algorithm in _DECLARED}
    if len(declared["blake2_256"]) == _BLAKE2_512_DIGITS:
        # distutils (`setup.py upload` of Python 3.6 to 3.11) sends all 512 bits of BLAKE2b.
        declared["blake2_512"] = declared.pop("blake2_256")
    return {algorithm: digest for algorithm, digest in declared.items() if digest}


async def receive(
    request: web.Request, wanted: MaxBytes, scratch: Scratch, until_done: ExitStack
) -> tuple[Fields, str, Received]:
    """Read the whole form; a file that is not small stays in scratch space until `until_done` is closed."""
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
        # An OSError, too, but the client's fault and not the disk's.
        raise InvalidUploadError("The client closed the connection before the whole form had arrived") from error
    except OSError as error:
        log.error("An upload could not be received: %s", error)  # noqa: TRY400 - the reason is all there is
        raise BusyError("The server has no room for the file now: try again") from error
    if form.content is None and form.is_registration:
        raise RegistrationError
    if form.content is None:
        raise InvalidUploadError(f"The form has no file in a field `{FILE}`")
    return form.fields, form.filename, form.content


def _boundary(request: web.Request) -> str:
    _, options = parse_options_header(request.headers.get("Content-Type", ""))
    return str(options.get("boundary", ""))
