"""A client of the server under test, and the upload form as twine sends it."""

import hashlib
import io
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestClient

Client = TestClient[web.Request, web.Application]


def auth(token: str) -> dict[str, str]:
    return {"Authorization": aiohttp.encode_basic_auth("__token__", token)}


def form(path: Path, **changed: Any) -> aiohttp.FormData:
    """Return the form that uploads a file; `changed` replaces fields, None leaves one out."""
    body = path.read_bytes()
    name, version = path.name.removesuffix(".tar.gz").split("-")[:2]
    fields = {
        ":action": "file_upload",
        "protocol_version": "1",
        "name": name,
        "version": version,
        "filetype": "bdist_wheel" if path.suffix == ".whl" else "sdist",
        "sha256_digest": hashlib.sha256(body).hexdigest(),
        **changed,
    }
    data = aiohttp.FormData()
    for field, value in fields.items():
        if value is not None:
            data.add_field(field, value)
    data.add_field("content", io.BytesIO(body), filename=path.name, content_type="application/octet-stream")
    return data
