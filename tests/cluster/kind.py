"""CLUSTER=kind: a cluster made by kind, images by docker, and S3 as a process of this machine.

Untested on the machine that this was written on. It needs `kind`, `docker`, `kubectl`, `helm` and
Go (for versitygw) on PATH, and Linux: S3 listens at the gateway of kind's network, an address of
this machine only where docker runs without a virtual machine.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from . import debian, images, versitygw, wheels
from .handle import Cluster
from .paths import REPOSITORY, cache, locked
from .processes import Supervisor
from .progress import ClusterError, say

_NAME = "wheelyard"
_BASE = f"python:{wheels.PYTHON}-slim-{debian.RELEASE}"


def build() -> None:
    """Check that the programs are there; versitygw is built by `up`."""
    for program in ("kind", "docker", "kubectl", "helm"):
        _program(program)


def up() -> None:
    """Create the cluster, unless it exists, and start S3 on the host."""
    build()
    if _NAME not in _run("kind", "get", "clusters").split():
        say("creating the kind cluster (about a minute)")
        _state().mkdir(parents=True, exist_ok=True)
        _run("kind", "create", "cluster", "--name", _NAME, "--wait", "180s", "--kubeconfig", str(_kubeconfig()))
    up_s3()
    say(f"the cluster is up: export KUBECONFIG={_kubeconfig()}")


def up_s3() -> None:
    """Start S3 and IAM at the gateway of kind's network, which pods and this machine reach."""
    with locked("kind"):
        description = _state() / "s3.json"
        if not description.exists():
            versitygw.save(versitygw.new_server(_gateway(), 7070, 7076), description)
        parts = versitygw.programs(versitygw.load(description), _state(), _state())
        versitygw.start(Supervisor(_state()), parts)


def down() -> None:
    """Delete the cluster, end S3, and remove its data."""
    with locked("kind"):
        _run("kind", "delete", "cluster", "--name", _NAME)
        supervisor = Supervisor(_state())
        supervisor.stop(*supervisor.names())
        shutil.rmtree(_state(), ignore_errors=True)


def load_images() -> None:
    """Build this working tree's images with docker and load them into the cluster."""
    names = images.names()
    _build(names.wheelyard, REPOSITORY / "Dockerfile", wheels.of_project(), wheels.build_project)
    _build(names.client, images.CLIENT_DOCKERFILE, wheels.of_client())
    _run("kind", "load", "docker-image", "--name", _NAME, names.wheelyard, names.client)


def status() -> dict[str, bool]:
    """Return whether the cluster exists and S3 runs."""
    supervisor = Supervisor(_state())
    parts = {name: supervisor.alive(name) for name in supervisor.names()}
    return {"kind": _NAME in _run("kind", "get", "clusters").split(), **parts}


def leftovers() -> list[str]:
    """Name what `down` would still remove."""
    return [name for name, there in status().items() if there]


def connect(*, with_images: bool) -> Cluster:
    """Describe the cluster that is up; an error if it is not, or if images are wanted and missing."""
    if not _kubeconfig().exists() or not all(status().values()):
        raise ClusterError("the kind cluster is not up: run `CLUSTER=kind python -m cluster up` first")
    names = images.names()
    if with_images and not _run("docker", "images", "--quiet", names.wheelyard):
        raise ClusterError("the images are not those of this working tree: run `python -m cluster images` first")
    server = versitygw.load(_state() / "s3.json")
    return Cluster(_kubeconfig(), server, names, kubectl=_program("kubectl"), helm=_program("helm"))


def _build(name: str, dockerfile: Path, collected: Path, *more: Callable[[Path], None]) -> None:
    """Build an image from collected wheels, and from those that `more` adds to them."""
    if _run("docker", "images", "--quiet", name):
        return
    say(f"building the image {name} (about a minute)")
    with tempfile.TemporaryDirectory(prefix="wheelyard-image-") as context:
        shutil.copytree(collected, Path(context) / "wheels")
        for add in more:
            add(Path(context) / "wheels")
        options = ["--build-arg", f"BASE={_BASE}", "--tag", name, "--file", str(dockerfile)]
        _run("docker", "build", *options, context)


def _state() -> Path:
    return cache() / "kind"


def _kubeconfig() -> Path:
    return _state() / "kubeconfig"


def _gateway() -> str:
    template = "{{range .IPAM.Config}}{{.Gateway}} {{end}}"
    gateways = _run("docker", "network", "inspect", "kind", "--format", template).split()
    return next(address for address in gateways if ":" not in address)


def _program(name: str) -> Path:
    found = shutil.which(name)
    if not found:
        raise ClusterError(f"CLUSTER=kind needs {name} on PATH")
    return Path(found)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"{' '.join(command[:3])} failed: {done.stderr.strip()[-2000:]}")
    return done.stdout
