"""The URLs in the metadata of the distributions: those of the repository that releases them.

The release workflow names its own repository. A build elsewhere has no URLs, and a fork never has
those of another repository.
"""

import os
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

VARIABLE = "WHEELYARD_REPOSITORY_URL"


class ProjectUrls(MetadataHookInterface):
    """Fills in `project.urls` (hatchling's hook `custom`)."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the URLs if the repository is known."""
        repository = os.environ.get(VARIABLE, "").rstrip("/")
        if repository:
            metadata["urls"] = _urls(repository, f"v{metadata['version']}")


def _urls(repository: str, tag: str) -> dict[str, str]:
    if not repository.startswith("https://"):
        raise ValueError(f"{VARIABLE} is the https:// URL of the repository, not {repository!r}")
    return {
        "Changelog": f"{repository}/blob/{tag}/CHANGELOG.md",
        "Documentation": f"{repository}/tree/{tag}/docs",
        "Issues": f"{repository}/issues",
        "Security": f"{repository}/blob/{tag}/SECURITY.md",
        "Source": repository,
    }
