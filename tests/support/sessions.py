"""Sessions at the pages of a made-up index."""

import base64
from pathlib import Path

import msgspec

from support.http import Client
from wheelyard_server.settings.web import SESSIONS_FILE

KEY = base64.urlsafe_b64encode(b"k" * 32).decode()
FROM_HERE = {"Sec-Fetch-Site": "same-origin"}
"""What a browser sends with a form of the index's own page."""


def write_sessions(folder: Path, *keys: str, **more: object) -> None:
    """Write a sessions file next to the access file."""
    content = {"keys": keys or (KEY,), **more}
    (folder / SESSIONS_FILE).write_bytes(msgspec.yaml.encode(content))


async def session_of(client: Client, token: str, user: str = "") -> dict[str, str]:
    """Log in by the form, and return the header of the session."""
    answer = await client.post(
        "/login/", data={"user": user, "secret": token}, headers=FROM_HERE, allow_redirects=False
    )
    assert answer.status == 303, await answer.text()
    client.session.cookie_jar.clear()  # Each request of a test says itself what it sends.
    (cookie,) = answer.cookies.values()
    return {"Cookie": f"{cookie.key}={cookie.value}"}
