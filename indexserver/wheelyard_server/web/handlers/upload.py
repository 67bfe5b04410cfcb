"""`POST /legacy/`: the upload API of twine, uv, poetry, pdm, hatch and flit.

https://docs.pypi.org/api/upload/ describes the form. The way of an upload: `forms.py` receives the
form, this file checks it, `access/guard.py` the right, `catalog/publish.py` commits it.
"""

import asyncio
from contextlib import ExitStack

from aiohttp import web
from packaging.utils import canonicalize_name
from packaging.version import Version

from wheelyard_server import spans
from wheelyard_server.access.audit import AuditVerb
from wheelyard_server.catalog.inspection.wording import shown
from wheelyard_server.catalog.publish import Upload
from wheelyard_server.catalog.scratch import Received
from wheelyard_server.errors import InvalidUploadError
from wheelyard_server.names import DistributionFilename, parse_filename
from wheelyard_server.web.context import ADMISSION, RECORD, SCRATCH, guarded_catalog
from wheelyard_server.web.handlers.forms import Fields, declared_digests, receive
from wheelyard_server.web.http.expect_continue import go_ahead

FIELD_BYTES = 1024
ATTESTATIONS_BYTES = 1024 * 1024
FIELDS = {
    **dict.fromkeys(
        (":action", "name", "version", "filetype", "md5_digest", "sha256_digest", "blake2_256_digest"), FIELD_BYTES
    ),
    "attestations": ATTESTATIONS_BYTES,
}
"""What is looked at, and how many bytes each may have. The rest of the form repeats the metadata in the file."""


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
        with spans.step("upload.receive"):
            fields, filename, content = await receive(request, FIELDS, request.app[SCRATCH], until_done)
        distribution = parse_filename(filename)
        _check_fields(fields, distribution)
        await _check_digests(fields, content)
        # The body may have taken long: what counts is the right to publish now.
        catalog = await guarded_catalog(request)
        principal, attestations = catalog.principal, fields.get("attestations") or None
        await catalog.publish(Upload(distribution, content, str(principal), attestations, principal.job))
    return web.Response(text="OK\n")


def _check_fields(fields: Fields, distribution: DistributionFilename) -> None:
    """Compare what the form says with what the filename says."""
    for required in (":action", "name", "version", "filetype"):
        if not fields.get(required):
            raise InvalidUploadError(f"The form has no field `{required}`")
    if fields[":action"] != "file_upload":
        raise InvalidUploadError("The only :action of this index is file_upload")
    if canonicalize_name(fields.get("name", "")) != distribution.project:
        raise InvalidUploadError(
            f"The form's name {shown(fields.get('name', ''))} is not the project of the file's name"
        )
    if not _same_version(fields.get("version", ""), distribution.version):
        raise InvalidUploadError(
            f"The form's version {shown(fields.get('version', ''))} is not that of the file's name"
        )
    if fields.get("filetype") != distribution.filetype:
        raise InvalidUploadError(f"The filetype of {distribution.filename} is {distribution.filetype}")


def _same_version(declared: str, version: Version) -> bool:
    try:
        return Version(declared) == version
    except ValueError:
        return False


async def _check_digests(fields: Fields, content: Received) -> None:
    """Compare all digests that the client declares with those of the bytes that arrived."""
    for algorithm, declared in declared_digests(fields).items():
        # One that came after the file costs another look at it; no known client does that.
        digest = content.digests.get(algorithm) or await asyncio.to_thread(content.digest, algorithm)
        if declared != digest:
            raise InvalidUploadError(f"The file's {algorithm} is {digest}, not the declared one: upload it again")
