"""`POST /legacy/`: the upload API of twine, uv, poetry, pdm, hatch and flit.

https://docs.pypi.org/api/upload/ describes the form. `forms.py` receives it, this module checks it,
`access/guard.py` checks the right to publish, and `catalog/publish.py` commits the file.
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
from wheelyard_server.web.http.expect_continue import send_continue

MAX_FIELD_BYTES = 1024
MAX_ATTESTATIONS_BYTES = 1024 * 1024
FIELDS = {
    **dict.fromkeys(
        (":action", "name", "version", "filetype", "md5_digest", "sha256_digest", "blake2_256_digest"),
        MAX_FIELD_BYTES,
    ),
    "attestations": MAX_ATTESTATIONS_BYTES,
}
"""The fields that are read, and the size limit of each. The others repeat the metadata in the file."""


async def upload(request: web.Request) -> web.Response:
    """Publish one file. The same bytes again are a 200, too, so clients may always retry."""
    request[RECORD].verb = AuditVerb.PUBLISH
    catalog = await guarded_catalog(request)
    catalog.require_publisher()
    if "Content-Encoding" in request.headers or not request.content_type.startswith("multipart/"):
        raise web.HTTPUnsupportedMediaType(text="Send a multipart/form-data form, as twine and uv do\n")
    with ExitStack() as until_done:
        until_done.enter_context(request.app[ADMISSION].admit(request.content_length))
        await send_continue(request)
        with spans.step("upload.receive"):
            fields, filename, content = await receive(request, FIELDS, request.app[SCRATCH], until_done)
        distribution = parse_filename(filename)
        _check_fields(fields, distribution)
        await _check_digests(fields, content)
        # The body may have taken long: the right to publish counts as it is now.
        catalog = await guarded_catalog(request)
        principal, attestations = catalog.principal, fields.get("attestations") or None
        await catalog.publish(Upload(distribution, content, str(principal), attestations, principal.job))
    return web.Response(text="OK\n")


def _check_fields(fields: Fields, distribution: DistributionFilename) -> None:
    """Compare the fields of the form with the filename."""
    for required in (":action", "name", "version", "filetype"):
        if not fields.get(required):
            raise InvalidUploadError(f"The form has no field `{required}`")
    if fields[":action"] != "file_upload":
        raise InvalidUploadError("The only supported :action is file_upload")
    if canonicalize_name(fields.get("name", "")) != distribution.project:
        raise InvalidUploadError(
            f"The form's name {shown(fields.get('name', ''))} is not the project in the filename"
        )
    if not _same_version(fields.get("version", ""), distribution.version):
        raise InvalidUploadError(
            f"The form's version {shown(fields.get('version', ''))} is not the version in the filename"
        )
    if fields.get("filetype") != distribution.filetype:
        raise InvalidUploadError(f"The filetype of {distribution.filename} must be {distribution.filetype}")


def _same_version(declared: str, version: Version) -> bool:
    try:
        return Version(declared) == version
    except ValueError:
        return False


async def _check_digests(fields: Fields, content: Received) -> None:
    """Compare the digests that the client declares with those of the received bytes."""
    for algorithm, declared in declared_digests(fields).items():
        # A digest that came after the file costs another read of it; no known client sends one.
        digest = content.digests.get(algorithm) or await asyncio.to_thread(content.digest, algorithm)
        if declared != digest:
            raise InvalidUploadError(
                f"The file's {algorithm} is {digest}, not the declared one: upload the file again"
            )
