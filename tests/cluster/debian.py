"""Debian: packages of the host, and the root file system that images start from."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .paths import cache, locked
from .progress import ClusterError, log_tail, step

PACKAGES = (
    "buildah",
    "busybox-static",
    "conntrack",
    "containerd",
    "containernetworking-plugins",
    "debootstrap",
    "etcd-server",
    "iproute2",
    "iptables",
    "openssl",
    "python3-pip",
    "runc",
)
"""What the cluster needs."""
OF_TESTS = {"promtool": "prometheus", "redis-server": "redis-server"}
"""Programs that only some tests need, and the packages that have them."""
_SERVICES = {
    "containerd": "containerd",
    "etcd-server": "etcd",
    "nginx": "nginx",
    "prometheus": "prometheus",
    "redis-server": "redis-server",
}
RELEASE = "trixie"
"""The release that images are made of, whatever the host's. It decides their Python: see `wheels.PYTHON`."""
HOST_ARCHITECTURE = "amd64"
# Of pip the wheel alone: Debian's own pip brings libraries that pip cannot replace by those of a
# lock file.
ROOT_PACKAGES = ("ca-certificates", "python3", "python3-pip-whl")
_POLICY = Path("/usr/sbin/policy-rc.d")
# Of the root, what no image needs at run time.
_DISPENSABLE = (
    "usr/share/doc",
    "usr/share/locale",
    "usr/share/man",
    "usr/share/info",
    "var/cache/apt",
    "var/lib/apt/lists",
    "var/log",
)


def install_packages(packages: tuple[str, ...] = PACKAGES) -> None:
    """Install the packages that are missing, without starting the services that some bring along."""
    missing = _missing(packages)
    if not missing:
        return
    log = cache() / "apt.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    installing = step(f"installing Debian packages: {' '.join(missing)}", "once, about half a minute")
    with locked("apt"), installing, _services_stay_stopped(), log.open("w") as output:
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
        for command in (["apt-get", "update"], install):
            done = subprocess.run(command, env=environment, stdout=output, stderr=output, check=False)
    if done.returncode:
        raise ClusterError(f"installing packages failed; {log_tail(log)}")
    services = [service for package, service in _SERVICES.items() if package in missing]
    if services and shutil.which("systemctl"):
        # Nor shall they start with the machine: the cluster runs its own.
        subprocess.run(["systemctl", "disable", *services], capture_output=True, check=False)


def provide(program: str, package: str) -> None:
    """Install a package if its program is not on PATH, wherever that may come from."""
    if not shutil.which(program):
        install_packages((package,))


def base_root(architecture: str = HOST_ARCHITECTURE) -> Path:
    """Return a directory with `root.tar`, a minimal Debian with Python and pip's wheel, made if the cache has none.

    Programs of another architecture than the host's are emulated while it is made:
    `emulation.enable` comes first.
    """
    target = cache() / "base" / f"{RELEASE}-{architecture}-{base_key()}"
    if target.is_dir():
        return target
    with locked(f"build-base-{architecture}"):
        if not target.is_dir():
            _debootstrap(target, architecture)
    return target


def base_key() -> str:
    """Return a digest of the recipe, which differs for every other root."""
    return hashlib.sha256(repr((RELEASE, ROOT_PACKAGES, _DISPENSABLE)).encode()).hexdigest()[:12]


def codename() -> str:
    """Return the host's Debian release, such as `bookworm`."""
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    raise ClusterError("/etc/os-release names no Debian release: use CLUSTER=kind or CLUSTER=current")


def _missing(packages: tuple[str, ...]) -> list[str]:
    query = ["dpkg-query", "--show", "--showformat", "${db:Status-Abbrev}${Package}\n", *packages]
    answer = subprocess.run(query, capture_output=True, text=True, check=False).stdout.split("\n")
    return [package for package in packages if f"ii {package}" not in answer]


@contextmanager
def _services_stay_stopped() -> Iterator[None]:
    """Deny the start of services by package scripts; a policy of the machine's own stays as it is."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()


def _debootstrap(target: Path, architecture: str) -> None:
    scratch = target.with_name(f"unfinished-{architecture}")
    shutil.rmtree(scratch, ignore_errors=True)
    root = scratch / "root"
    root.mkdir(parents=True)
    log = scratch / "debootstrap.log"
    packages = f"--include={','.join(ROOT_PACKAGES)}"
    usual = "once, about 1 minute" if architecture == HOST_ARCHITECTURE else "once, about 5 minutes, emulated"
    with step(f"making a Debian {RELEASE} root for {architecture} images", usual), log.open("w") as output:
        options = [f"--arch={architecture}", "--variant=minbase", packages]
        command = ["debootstrap", *options, RELEASE, str(root), *_mirror()]
        if subprocess.run(command, stdout=output, stderr=output, check=False).returncode:
            raise ClusterError(f"debootstrap failed; {log_tail(log)}")
    _slim(root)
    # A tar, unlike a copied folder, keeps owners.
    subprocess.run(["tar", "--sort=name", "-C", str(root), "-cf", str(scratch / "root.tar"), "."], check=True)
    shutil.rmtree(root)
    log.unlink()
    scratch.rename(target)


def _slim(root: Path) -> None:
    for folder in _DISPENSABLE:
        shutil.rmtree(root / folder, ignore_errors=True)
        (root / folder).mkdir(parents=True)
    # The image's Python belongs to the application, as in the official python images.
    for marker in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        marker.unlink()
    (root / "usr/bin/python").symlink_to("python3")


def _mirror() -> list[str]:
    """Return the mirror that the host's apt uses, so that a machine with one of its own works too."""
    query = ["apt-get", "indextargets", "--format", "$(SITE)", "Origin: Debian", f"Codename: {codename()}"]
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()[:1]
