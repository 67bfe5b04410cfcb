"""The commands of the documents that need a cluster, typed.

Commands that change nothing run unchanged, the others as a dry run of the API server: other tests
need the cluster as well. `kubectl wheelyard` has no dry run, and disturbs no other test.
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.versitygw import free_port
from support import distributions, documents
from support.console import Console, helm_without_cluster, in_background
from support.documents import ROOT, Place
from support.mainjob import MainJob

BLOCKS = documents.console_blocks(Place.CLUSTER)
PAGES = sorted({str(block.page.relative_to(ROOT)) for block in BLOCKS})
_CHANGING = re.compile(r"\bkubectl( --namespace \S+)* (apply|annotate|delete|label|patch)\b")
_CREATING = re.compile(r"\bkubectl( --namespace \S+)* create\b")


@pytest.fixture
def console(main_job_ready: MainJob, tmp_path: Path) -> Iterator[Console]:
    """Open a shell next to the quick start, with everything that the pages name."""
    for name in ("charts", "crds", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "dist").mkdir()
    distributions.wheel(tmp_path / "dist", "documented")
    programs = [
        main_job_ready.cluster.kubectl.parent,
        main_job_ready.cluster.helm.parent,
        Path(sys.executable).parent,
    ]
    environment = {
        "PATH": os.pathsep.join([*map(str, programs), os.environ["PATH"]]),
        "HOME": str(tmp_path),
        "KUBECONFIG": str(main_job_ready.cluster.kubeconfig),
        "LC_ALL": "C.UTF-8",
        "TWINE_NON_INTERACTIVE": "1",
    }
    console = Console(tmp_path, environment)
    yield console
    console.close()


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_do_what_it_says(page: str, console: Console) -> None:
    port = str(free_port())
    for block in BLOCKS:
        if block.page == ROOT / page:
            console.run(*(translated(command, port) for command in block.tried))


def translated(command: str, port: str) -> str:
    """Return a command with the names of the documents replaced by those of this test."""
    if "port-forward" in command:
        return in_background(command.replace(" 8080:", f" {port}:"), f"http://127.0.0.1:{port}/-/healthz")
    if command.startswith("kubectl wheelyard open"):
        return in_background(f"{command} --port {port}", f"http://127.0.0.1:{port}/-/healthz")
    command = _CHANGING.sub(r"\g<0> --dry-run=server", command)
    # Existing objects cannot be created, not even as a dry run of the server's.
    command = _CREATING.sub(r"\g<0> --dry-run=client", command)
    # Other tests may have indexes on this cluster that are not ready.
    command = command.replace(" --all-namespaces --timeout", " --namespace packages --timeout")
    return helm_without_cluster(command).replace("127.0.0.1:8080", f"127.0.0.1:{port}")
