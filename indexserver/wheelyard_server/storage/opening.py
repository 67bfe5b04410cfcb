"""From settings to a storage: the one place that chooses between a bucket and a folder."""

from wheelyard_server.settings import StorageSettings
from wheelyard_server.storage import Storage, s3
from wheelyard_server.storage.folder import FolderStorage


def open_storage(settings: StorageSettings) -> Storage:
    """Return the storage that the settings describe."""
    if settings.s3 is not None:
        return s3.connect(settings.s3)
    assert settings.folder is not None  # noqa: S101 - StorageSettings.__post_init__ checks it
    return FolderStorage(settings.folder.path)
