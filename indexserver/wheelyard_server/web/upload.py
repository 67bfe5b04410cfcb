"""`POST /legacy/`: the upload API of twine, uv, poetry, pdm, hatch and flit.

https://docs.pypi.org/api/upload/ describes the form. The way of an upload: this file receives and checks the
form, `access/guard.py` the right, `catalog/publish.py` commits it.
"""

import asyncio
import logging
from contextlib import ExitStack

from aiohttp import BadContentDispositionHeader, BadContentDispositionParam, BodyPartReader, web
from aiohttp.http import HttpProcessingError
from packaging.utils import canonicalize_name
from packaging.version import Version

from wheelyard_server.access.audit import AuditVerb
from wheelyard_server.catalog.attestations import provenance
from wheelyard_server.catalog.publish import Upload
from wheelyard_server.catalog.scratch import Received, Scratch
from wheelyard_server.errors import BusyError, InvalidUploadError
from wheelyard_server.names import DistributionFilename, parse_filename
from wheelyard_server.web.context import ADMISSION, RECORD, SCRATCH, guarded_catalog
from wheelyard_server.web.expectations import go_ahead

log = logging.getLogger(__name__)

CHUNK_BYTES = 1024 * 1024
FIELDS_BYTES = 8 * 1024 * 1024
"""All fields of the form besides the file; a long description is the largest of them."""

PART_BYTES = 100
"""What each part of the form costs besides its name and value."""
FIELDS = frozenset(
    {
        ":action",
        "name",
        "version",
        "filetype",
        "attestations",
        "md5_digest",
        "sha256_digest",
        "blake2_256_digest",
    }
)
"""What is looked at. The rest of the form repeats the metadata that is in the file."""

Fields = dict[str, str]

# What aiohttp raises for a form that is none; the last two since `refuse_guessing`.
_DAMAGED = (ValueError, HttpProcessingError, BadContentDispositionHeader, BadContentDispositionParam)


async def upload(request: web.Request) -> web.Response:
    """Take one file. 200 also for the same bytes again, so that a client may always retry."""
    request[RECORD].verb = AuditVerb.PUBLISH
    catalog = await guarded_catalog(request)
    catalog.require_publisher()
    if "Content-Encoding" in request.headers or not request.content_type.startswith("multipart/"):
        raise web.HTTPUnsupportedMediaType(text="Send a multipart/form-data form, as twine and uv do\n")
    with ExitStack() as until_done:
        until_done.enter_context(request.app[ADMISSION].admit(request.content_length))
        await go_ahead(request)
        fields, filename, content = await _receive(request, request.app[SCRATCH], until_done)
        distribution = parse_filename(filename)
        _check_fields(fields, distribution)
        _check_digests(fields, content)
        # The body may have taken long: what counts is the right to publish now.
        catalog = await guarded_catalog(request)
        await catalog.publish(_upload(fields, distribution, content, str(catalog.principal)))
    return web.Response(text="OK\n")


async def _receive(request: web.Request, scratch: Scratch, until_done: ExitStack) -> tuple[Fields, str, Received]:
    """Read the whole form; the file goes to scratch space and stays there until `until_done` is closed."""
    fields: Fields = {}
    filename, content, budget = "", None, FIELDS_BYTES
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or part.name is None:
                raise InvalidUploadError("The form has a part without a name")
            if part.name == "content":
                if content is not None:
                    raise InvalidUploadError("The form has more than one file")
                filename, content = part.filename or "", await _receive_file(part, scratch, until_done)
            else:
                budget -= len(part.name) + PART_BYTES
                value = await _receive_field(part, budget)
                budget -= len(value)
                # Fields like `classifiers` come many times; none of those is needed.
                if part.name in FIELDS:
                    fields.setdefault(part.name, value.decode(errors="replace"))
    except _DAMAGED as error:
        raise InvalidUploadError(f"The form is damaged: {' '.join(str(error).split())}") from error
    except ConnectionError as error:
        raise InvalidUploadError("The client went away before the whole form had arrived") from error
    if content is None:
        raise InvalidUploadError("The form has no file in a field `content`")
    return fields, filename, content


async def _receive_file(part: BodyPartReader, scratch: Scratch, until_done: ExitStack) -> Received:
    try:
        receiver = until_done.enter_context(scratch.receiver())
        while chunk := await part.read_chunk(CHUNK_BYTES):
            await asyncio.to_thread(receiver.write, bytes(chunk))
        return await asyncio.to_thread(receiver.finish)
    except ConnectionError:
        raise  # The client's end, not the disk's, though it is an OSError too.
    except OSError as error:
        log.error("An upload could not be received: %s", error)  # noqa: TRY400 - the reason is all there is
        raise BusyError("The server has no room for the file now, try again") from error


async def _receive_field(part: BodyPartReader, budget: int) -> bytes:
    value = bytearray()
    while len(value) <= budget:
        chunk = await part.read_chunk()
        if not chunk:
            return bytes(value)
        value += chunk
    raise InvalidUploadError(f"The form's fields are larger than {FIELDS_BYTES} bytes together")


def _check_fields(fields: Fields, distribution: DistributionFilename) -> None:
    """Compare what the form says with what the filename says."""
    if fields.get(":action") != "file_upload":
        raise InvalidUploadError("The only :action of this index is file_upload")
    if canonicalize_name(fields.get("name", "")) != distribution.project:
        raise InvalidUploadError(f"The form's name {fields.get('name')!r} is not the project of the file's name")
    if not _same_version(fields.get("version", ""), distribution.version):
        raise InvalidUploadError(f"The form's version {fields.get('version')!r} is not that of the file's name")
    if fields.get("filetype") != distribution.filetype:
        raise InvalidUploadError(f"The filetype of {distribution.filename} is {distribution.filetype}")


def _same_version(declared: str, version: Version) -> bool:
    try:
        return Version(declared) == version
    except ValueError:
        return False


def _upload(fields: Fields, distribution: DistributionFilename, content: Received, uploader: str) -> Upload:
    attestations = fields.get("attestations")
    signed = (
        provenance(attestations, distribution.filename, content.digests["sha256"], uploader)
        if attestations
        else None
    )
    return Upload(distribution, content, uploader, signed)


def _check_digests(fields: Fields, content: Received) -> None:
    """Compare all digests that the client declares with those of the bytes that arrived."""
    for algorithm, digest in content.digests.items():
        declared = fields.get(f"{algorithm}_digest")
        if declared and declared.lower() != digest:
            raise InvalidUploadError(f"The file's {algorithm} is {digest}, not the declared one: upload it again")
