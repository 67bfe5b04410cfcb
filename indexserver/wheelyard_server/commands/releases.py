"""PROJECT[==VERSION], as people write it on the command line."""

import re

from wheelyard_server.commands.client import ClientError

_RELEASE = re.compile(
    r"(?P<project>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?:==(?P<version>[A-Za-z0-9.!+_-]+))?"
)


def project_and_version(text: str) -> tuple[str, str]:
    """Return a project and one of its versions, "" for all of them; raise `ClientError`."""
    found = _RELEASE.fullmatch(text)
    if found is None:
        raise ClientError(f"Write PROJECT or PROJECT==VERSION, such as flask==3.1.3, instead of {text!r}")
    return found["project"], found["version"] or ""
