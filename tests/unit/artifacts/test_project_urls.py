"""The distributions name the repository that releases them, and no other."""

import json
import os
import subprocess
import sys

import yaml

import project_urls
from artifacts import project


def metadata(repository: str | None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hatchling", "metadata"]
    environment = {name: value for name, value in os.environ.items() if name != project_urls.VARIABLE}
    if repository:
        environment[project_urls.VARIABLE] = repository
    return subprocess.run(command, cwd=project.ROOT, env=environment, capture_output=True, text=True, check=False)


def test_a_release_has_the_urls_of_its_repository() -> None:
    urls = json.loads(metadata("https://git.example.com/acme/wheelyard/").stdout)["urls"]
    assert urls["Source"] == "https://git.example.com/acme/wheelyard"
    tag = f"v{project.version()}"
    assert urls["Changelog"] == f"https://git.example.com/acme/wheelyard/blob/{tag}/CHANGELOG.md"
    named = {each.partition(f"/{tag}/")[2] for each in urls.values() if f"/{tag}/" in each}
    assert all((project.ROOT / each).exists() for each in named)
    assert len(named) == 3


def test_a_build_elsewhere_has_no_urls() -> None:
    assert not json.loads(metadata(None).stdout).get("urls")


def test_a_url_without_tls_is_refused() -> None:
    done = metadata("http://git.example.com/acme/wheelyard")
    assert done.returncode != 0
    assert f"{project_urls.VARIABLE} is the https:// URL of the repository" in done.stderr


def test_the_release_workflow_names_its_own_repository() -> None:
    workflow = yaml.safe_load((project.ROOT / ".github/workflows/release.yml").read_text())
    (environment,) = (step["env"] for step in workflow["jobs"]["build"]["steps"] if step.get("name") == "Build")
    assert environment[project_urls.VARIABLE] == "${{ github.server_url }}/${{ github.repository }}"
