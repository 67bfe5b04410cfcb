"""`POST /pypi` as XML-RPC, for mirrors such as bandersnatch, https://docs.pypi.org/api/xml-rpc/.

Only the methods about serials are supported. `catalog/serials.py` says what a serial promises.
"""

import asyncio
import re
from collections.abc import Callable
from xml.sax.saxutils import escape

from aiohttp import web

from wheelyard_server.catalog import serials
from wheelyard_server.catalog.projects import SerialListing
from wheelyard_server.web.context import guarded_catalog
from wheelyard_server.web.handlers.upload import upload
from wheelyard_server.web.http.expect_continue import send_continue
from wheelyard_server.web.http.headers import SERIAL
from wheelyard_server.web.pages.rendering import RenderingQueue

MAX_BODY_BYTES = 4096
_TYPES = ("text/xml", "application/xml")
_CALL = re.compile(
    rb"\s*(?:<\?xml [^<>]{1,100}\?>\s*)?<methodCall>\s*"
    rb"<methodName>\s*(?P<method>[A-Za-z_.]{1,100})\s*</methodName>\s*"
    rb"(?:<params\s*/>\s*|<params>\s*(?:<param>\s*<value>\s*"
    rb"(?:<(?P<type>int|i4|i8)>\s*)?(?P<serial>\d{1,18})\s*(?:</(?P=type)>\s*)?</value>\s*</param>\s*)?</params>\s*)?"
    rb"</methodCall>\s*"
)
"""All supported calls. An XML parser would expand entities, which is an attack."""
_RENDERING = RenderingQueue()
_NOT_A_CALL = -32700
_NO_SUCH_METHOD = -32601
_WRONG_PARAMETERS = -32602
"""Codes of https://xmlrpc-epi.sourceforge.net/specs/rfc.fault_codes.php, as PyPI has them."""


async def xml_rpc_or_upload(request: web.Request) -> web.StreamResponse:
    """Answer a call, or receive an upload: clients of other indexes send both here."""
    return await (_call(request) if request.content_type in _TYPES else upload(request))


async def _call(request: web.Request) -> web.Response:
    match = _CALL.fullmatch(await _body(request))
    if match is None:
        return _fault(_NOT_A_CALL, "The body is not an XML-RPC call that this index supports")
    method = METHODS.get(match["method"].decode())
    if method is None:
        return _fault(_NO_SUCH_METHOD, f"This index supports the methods {', '.join(METHODS)}")
    takes_serial, answer = method
    if takes_serial != (match["serial"] is not None):
        return _fault(
            _WRONG_PARAMETERS, "This method takes one serial" if takes_serial else "This method takes no parameters"
        )
    listing = await (await guarded_catalog(request)).projects_for_mirrors()
    since = int(match["serial"] or 0)
    value = await _RENDERING(lambda: answer(listing, since), len(listing.projects))
    return _response(f"<params><param><value>{value}</value></param></params>", listing.serial)


async def _body(request: web.Request) -> bytes:
    """Return the body, or the beginning of one that is too long to be a call."""
    await send_continue(request)
    try:
        return await request.content.readexactly(MAX_BODY_BYTES)
    except asyncio.IncompleteReadError as whole:
        return whole.partial


def _last_serial(listing: SerialListing, _since: int) -> str:
    return f"<int>{listing.serial}</int>"


def _all_with_serials(listing: SerialListing, _since: int) -> str:
    members = (
        f"<member><name>{entry.name}</name><value><int>{serial}</int></value></member>"
        for entry, serial in listing.with_serials()
    )
    return f"<struct>{''.join(members)}</struct>"


def _changes_since(listing: SerialListing, since: int) -> str:
    """Return one change for each project, its last."""
    changes = (
        "<value><array><data>"
        f"<value><string>{entry.name}</string></value>"
        f"<value><string>{escape(entry.version or '')}</string></value>"
        f"<value><int>{serials.moment_of(entry.serial)}</int></value>"
        "<value><string>change</string></value>"
        f"<value><int>{serial}</int></value>"
        "</data></array></value>"
        for entry, serial in listing.with_serials()
        if entry.serial > since
    )
    return f"<array><data>{''.join(changes)}</data></array>"


METHODS: dict[str, tuple[bool, Callable[[SerialListing, int], str]]] = {
    "changelog_last_serial": (False, _last_serial),
    "changelog_since_serial": (True, _changes_since),
    "list_packages_with_serial": (False, _all_with_serials),
}
"""By name: whether it takes a serial, and its answer."""


def _fault(code: int, reason: str) -> web.Response:
    members = (
        f"<member><name>faultCode</name><value><int>{code}</int></value></member>"
        f"<member><name>faultString</name><value><string>{escape(reason)}</string></value></member>"
    )
    return _response(f"<fault><value><struct>{members}</struct></value></fault>", 0)


def _response(content: str, serial: int) -> web.Response:
    headers = {SERIAL: str(serial)} if serial else {}
    text = f"<?xml version='1.0'?><methodResponse>{content}</methodResponse>"
    return web.Response(text=text, content_type="text/xml", headers=headers)
