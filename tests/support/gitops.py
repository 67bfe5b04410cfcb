"""A Git repository as a platform team has one, and what Argo CD makes of it."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from cluster.argocd import NAMESPACE
from support.kubectl import Kubectl, eventually
from support.mainjob import EXAMPLES

ARGOCD = EXAMPLES / "argocd"


class Repository:
    """A Git repository in a folder, with one branch, `main`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._git("init", "--quiet", "--initial-branch=main")

    @property
    def url(self) -> str:
        return f"file://{self.folder}"

    def write(self, path: str, *manifests: dict[str, Any]) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump_all(manifests, sort_keys=False))

    def copy(self, folder: Path, path: str) -> None:
        shutil.copytree(folder, self.folder / path)

    def remove(self, path: str) -> None:
        (self.folder / path).unlink()

    def commit(self, message: str) -> None:
        self._git("add", "--all")
        self._git("-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "--quiet", "-m", message)

    def _git(self, *arguments: str) -> None:
        subprocess.run(["git", "-C", str(self.folder), *arguments], check=True, capture_output=True)


class ArgoCD:
    """The Applications of one cluster."""

    def __init__(self, kubectl: Kubectl) -> None:
        self.kubectl = kubectl

    def apply(self, name: str, change: Callable[[dict[str, Any]], None]) -> None:
        """Apply an example of argocd/ with its installation-specific values changed."""
        manifest = yaml.safe_load((ARGOCD / name).read_text())
        change(manifest)
        self.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))

    def state(self, application: str) -> tuple[str, str]:
        """Return sync and health status, such as ("Synced", "Healthy")."""
        done = self.kubectl.attempt("-n", NAMESPACE, "get", "application", application, "-o", "json")
        status = json.loads(done.stdout or "{}").get("status", {})
        return status.get("sync", {}).get("status", ""), status.get("health", {}).get("status", "")

    def out_of_sync(self, application: str) -> list[str]:
        """Return what is not as the repository says, as Kind/name."""
        resources = self.kubectl.get("-n", NAMESPACE, "application", application)["status"].get("resources", [])
        return [f"{each['kind']}/{each['name']}" for each in resources if each.get("status") == "OutOfSync"]

    def settles(self, application: str, seconds: float = 120) -> None:
        """Wait until an Application is as its repository says, and well."""
        try:
            eventually(lambda: self.state(application) == ("Synced", "Healthy"), f"{application} settles", seconds)
        except AssertionError as error:
            raise AssertionError(
                self.kubectl("-n", NAMESPACE, "get", "application", application, "-o", "yaml")
            ) from error

    def refresh(self, application: str) -> None:
        """Have it look at its repository now."""
        self.kubectl("-n", NAMESPACE, "annotate", "application", application, "argocd.argoproj.io/refresh=normal")
