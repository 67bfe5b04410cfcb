"""The uploads in a storage, compared with the project's document."""

from collections.abc import Iterable

from wheelyard_server.catalog.stored_project import StoredProject
from wheelyard_server.maintenance.inventory import Objects
from wheelyard_server.model import DeletedFile, File
from wheelyard_server.names import distribution_identity
from wheelyard_server.storage import Listed, layout

Uploads = dict[str, list[Listed]]
"""The objects of each upload, by its id."""

UNNAMED = (
    "is a complete upload that no document names: either its client never got an answer, or the storage lost an"
    " acknowledged write. Publish the file again; `wheelyard gc --unnamed` removes this one"
)


def uploads_of(objects: Objects) -> tuple[Uploads, list[str]]:
    """Return the uploads of a project, and the keys that do not belong to Wheelyard."""
    uploads: Uploads = {}
    foreign = []
    for key, listed in objects.items():
        parsed = layout.parse_file_key(key)
        if parsed is None:
            foreign.append(key)
        else:
            uploads.setdefault(parsed.upload_id, []).append(listed)
    return uploads, foreign


def used_ids(files: Iterable[File | DeletedFile]) -> frozenset[str]:
    """Return the ids in the keys of these files' objects."""
    return frozenset[str]().union(*(file.object_ids for file in files))


def unnamed(stored: StoredProject, uploads: Uploads) -> dict[str, str]:
    """Return the uploads that may be lost acknowledged writes: the keys of their files by upload id.

    All objects of such an upload exist, and there is a document, but it contains neither its id nor
    its filename. An upload that was refused, repeated, deleted or fenced has left a trace there.
    """
    if stored.etag is None:
        return {}
    project = stored.project
    files, deleted = project.files, project.deleted
    known = used_ids(files) | used_ids(deleted) | {upload.upload_id for upload in project.fenced}
    names = {each.filename for each in files} | {each.filename for each in deleted}
    named = {distribution_identity(filename) or filename for filename in names}
    found = {}
    for upload_id in uploads.keys() - known:
        key = _whole_file(uploads[upload_id])
        filename = key.rpartition("/")[2]
        if key and (distribution_identity(filename) or filename) not in named:
            found[upload_id] = key
    return found


def _whole_file(objects: list[Listed]) -> str:
    """Return the key of an upload's file if the upload is complete; else ""."""
    keys = {listed.key for listed in objects}
    return next((key for key in sorted(keys) if layout.with_metadata(key) in keys), "")
