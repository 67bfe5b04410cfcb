"""`GET /api/v1/openapi.json`: the description of the management API (OpenAPI 3.1)."""

import asyncio
import re
from datetime import datetime
from functools import cache
from importlib.metadata import version
from typing import Any

import msgspec
from aiohttp import web

from wheelyard_server.web.handlers.management import OPERATIONS
from wheelyard_server.web.handlers.operations import LargeBody, Operation
from wheelyard_server.web.pages.representation import Representation, answer

_REFERENCES = "#/components/schemas/{name}"


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was refused or failed (RFC 9457)."""

    status: int
    title: str
    detail: str
    request_id: str = msgspec.field(name="requestId")
    rule: str | msgspec.UnsetType = msgspec.UNSET
    """The rule that refuses a file or a name."""
    until: datetime | msgspec.UnsetType = msgspec.UNSET
    """When the rule no longer refuses it."""
    advisories: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    """Ids of the advisories that the refusal is based on."""


async def openapi(request: web.Request) -> web.Response:
    """Send the description; it says nothing about the content of the index, so anyone may read it."""
    # The first one takes longer than other requests should wait.
    return answer(request, await asyncio.to_thread(_representation))


@cache
def _representation() -> Representation:
    return Representation(msgspec.json.encode(document()), "application/json")


def document() -> dict[str, Any]:
    """Return the OpenAPI document of all operations."""
    bodies = {operation.body for operation in OPERATIONS if isinstance(operation.body, type)}
    types = {operation.answer for operation in OPERATIONS} | bodies | {ProblemDetails}
    _, schemas = msgspec.json.schema_components(
        sorted(types, key=lambda each: each.__name__), ref_template=_REFERENCES
    )
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Wheelyard's management API", "version": version("wheelyard")},
        "security": [{}, {"token": []}, {"login": []}],
        "paths": paths,
        "components": {
            # The defaults of fields are tuples, which JSON does not have.
            "schemas": msgspec.json.decode(msgspec.json.encode(schemas)),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "login": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    in_path = re.findall(r"{(\w+)}", operation.path)
    # Two operations may share a handler: one selects by version, the other by file.
    described: dict[str, Any] = {
        "operationId": "-".join([operation.id, *in_path[1:]]),
        "summary": operation.summary,
        "parameters": [_parameter(name, "path", required=True) for name in in_path],
        "responses": {
            "200": {"description": "Done", "content": _content("application/json", operation.answer)},
            "default": {"description": "Refused", "content": _content("application/problem+json", ProblemDetails)},
        },
    }
    described["responses"]["200"]["content"].update({media_type: {} for media_type in operation.reports})
    for name, purpose in (operation.query or {}).items():
        described["parameters"].append({**_parameter(name, "query", required=False), "description": purpose})
    if isinstance(operation.body, LargeBody):
        described["requestBody"] = {"required": True, "content": {operation.body.media_type: {}}}
    elif operation.body is not None:
        described["requestBody"] = {"required": True, "content": _content("application/json", operation.body)}
    return described


def _parameter(name: str, place: str, *, required: bool) -> dict[str, Any]:
    return {"name": name, "in": place, "required": required, "schema": {"type": "string"}}


def _content(media_type: str, schema: type[msgspec.Struct]) -> dict[str, Any]:
    return {media_type: {"schema": {"$ref": _REFERENCES.format(name=schema.__name__)}}}
