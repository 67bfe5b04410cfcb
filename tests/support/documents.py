"""What the documents tell people to type and to write: their code blocks, for the tests that try them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "charts/wheelyard/README.md",
        *(ROOT / "docs").rglob("*.md"),
    ]
)
_FENCE = re.compile(
    r'^ *```(?P<language>[a-z]+)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^ *```$', re.MULTILINE | re.DOTALL
)
_COMMAND = re.compile(r"^\$ (?:.*\\\n)*.*$", re.MULTILINE)


class Place(Enum):
    """Where a command can be tried."""

    HERE = "tests/integration/test_documented_commands.py"
    CLUSTER = "tests/e2e/test_documents.py"


PROGRAMS = {
    "buildah": Place.HERE,
    "curl": Place.HERE,
    "export": Place.HERE,
    "helm": Place.HERE,
    "kubectl": Place.CLUSTER,
    "pip": Place.HERE,
    "twine": Place.HERE,
    "uv": Place.HERE,
    "wheelyard": Place.HERE,
}
"""The place where the commands of a program are tried, unless they are listed below."""

NOT_TRIED = {
    "pip install .": "make setup installs this checkout, and the tests run what it installed",
    "pip install '.[kubectl]'": "as above",
    "make ": "it runs these tests, or takes the cluster away from under them",
    ".venv/bin/": "it runs these tests",
    "docker ": "there is no container engine; buildah builds the same Dockerfiles, here and for the e2e tests",
    "aws ": "there is no AWS; tests/contract/test_documents.py compares the policies with the needed permissions",
    "mc ": "there is no MinIO",
    "radosgw-admin ": "there is no Ceph",
    "s3cmd ": "there is no Ceph",
    "ppc-export ": "there is no pypicloud; tests/integration/test_import.py has a dump of one",
    "kubectl patch configmap argocd-cm": "tests/e2e/test_argocd.py does it",
    "kubectl apply --filename examples/argocd/": "as above",
    "kubectl wheelyard why": "the quick start has no upstream; tests/e2e/test_policies.py types it",
    "helm rollback": "tests/e2e/test_helm.py does it",
    "helm test": "tests/e2e/test_helm.py does it",
    "gh ": "there is no GitHub",
    "sha256sum ": "tests/integration/test_release.py compares each file with its sum",
}
"""The commands that cannot be tried, by their beginnings, and why."""


@dataclass(frozen=True)
class Block:
    """A fenced code block."""

    page: Path
    line: int
    language: str
    title: str
    text: str

    def __str__(self) -> str:
        """Return where it is, such as `docs/clients.md:12`."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """Return what follows each `$ `, with its continued lines."""
        return [found.removeprefix("$ ") for found in _COMMAND.findall(self.text)]

    @property
    def printed(self) -> list[str]:
        """Return the lines that commands print; of a line with `...`, what stands before it."""
        lines = _COMMAND.sub("", self.text).splitlines()
        return [line.partition("...")[0].strip() for line in lines if line.strip()]

    @property
    def tried(self) -> list[str]:
        """Return the commands that can be tried."""
        return [each for each in self.commands if reason_not_tried(each) is None]

    @property
    def place(self) -> Place:
        """Return where its commands are tried: on a cluster if any of them needs one."""
        places = {place_of(each) for each in self.tried}
        return Place.CLUSTER if Place.CLUSTER in places else Place.HERE


def blocks(page: Path) -> Iterator[Block]:
    """Return the code blocks of a page."""
    text = page.read_text()
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(page, line, found["language"], found["title"] or "", found["text"])


def console_blocks(place: Place) -> list[Block]:
    """Return all blocks with commands that are tried in this place."""
    found = [each for page in PAGES for each in blocks(page) if each.language == "console"]
    return [each for each in found if each.tried and each.place is place]


def reason_not_tried(command: str) -> str | None:
    """Return why a command is not tried, or None."""
    return next((reason for beginning, reason in NOT_TRIED.items() if command.startswith(beginning)), None)


def place_of(command: str) -> Place | None:
    """Return where a command is tried, by the program that it runs; None for a program that is not known."""
    if "kubectl" in command:
        return Place.CLUSTER
    program = re.sub(r"^([A-Z_]+=(\$\([^)]*\)|\S*) )+", "", command).partition(" ")[0]
    return PROGRAMS.get(program)
