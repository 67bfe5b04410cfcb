"""Where everything lies in a storage: the one place that spells keys."""

from wheelyard_server.model import File

INDEX = "wheelyard.json"
"""Format version and whose storage it is."""

_PROJECTS = "projects/"
_DOCUMENT = ".json"


def document(project: str) -> str:
    """Return the key of a project's document, the only mutable object of a project."""
    return f"{_PROJECTS}{project}{_DOCUMENT}"


def documents() -> str:
    """Return the prefix of all project documents."""
    return _PROJECTS


def project_of(key: str) -> str:
    """Return the project whose document has this key."""
    return key.removeprefix(_PROJECTS).removesuffix(_DOCUMENT)


def content(project: str, file: File) -> str:
    """Return the key of a file's bytes."""
    return f"files/{project}/{file.upload_id}/{file.filename}"


def core_metadata(project: str, file: File) -> str:
    """Return the key of a file's core metadata."""
    return content(project, file) + ".metadata"
