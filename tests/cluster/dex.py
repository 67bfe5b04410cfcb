"""Dex: a real provider of OpenID Connect, with people whom a form or a trusted header logs in."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bcrypt

from . import tools
from .processes import Program, Supervisor
from .versitygw import free_port

CLIENT, CLIENT_SECRET = "wheelyard", "a secret: with + and %"
PASSWORD = "correct horse"
FORM, HEADER = "local", "header"
"""The two ways to log in: a form, and the header `X-Remote-User` of a trusted proxy, without any page."""
_NAME = "dex"


@dataclass(frozen=True)
class Dex:
    """A running provider."""

    issuer: str
    supervisor: Supervisor
    program: Program

    def stop(self) -> None:
        """Stop it."""
        self.supervisor.stop(_NAME)

    def start(self) -> None:
        """Start it again. It has new keys: it keeps nothing."""
        self.supervisor.start(self.program)
        self.supervisor.wait(self.program)


@contextmanager
def running(directory: Path, redirect_uri: str, people: Mapping[str, tuple[str, ...]]) -> Iterator[Dex]:
    """Run it for as long as a block takes, at plain HTTP of this machine.

    `people` are in groups. Each has the address NAME@example.com and the same `PASSWORD`. It is
    built (about a minute) if the cache has none.
    """
    address = f"127.0.0.1:{free_port()}"
    configuration = directory / "dex.yaml"
    directory.mkdir(parents=True, exist_ok=True)
    configuration.write_text(json.dumps(_settings(address, redirect_uri, people)))
    program = Program(
        name=_NAME,
        command=(str(tools.built(tools.DEX) / "dex"), "serve", str(configuration)),
        ready=f"http://{address}/dex/.well-known/openid-configuration",
    )
    dex = Dex(f"http://{address}/dex", Supervisor(directory), program)
    dex.start()
    try:
        yield dex
    finally:
        dex.stop()


def _settings(address: str, redirect_uri: str, people: Mapping[str, tuple[str, ...]]) -> dict[str, object]:
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(10)).decode()
    return {
        "issuer": f"http://{address}/dex",
        "storage": {"type": "memory"},
        "web": {"http": address},
        "oauth2": {"skipApprovalScreen": True},
        "staticClients": [
            {"id": CLIENT, "name": "Wheelyard", "secret": CLIENT_SECRET, "redirectURIs": [redirect_uri]}
        ],
        "enablePasswordDB": True,
        "staticPasswords": [
            {
                "email": f"{name}@example.com",
                "hash": hashed,
                "username": name,
                "userID": name,
                "groups": list(groups),
            }
            for name, groups in people.items()
        ],
        "connectors": [{"type": "authproxy", "id": HEADER, "name": "Header"}],
    }
