"""Programs of arm64 on an amd64 host: the kernel starts them in QEMU's user mode."""

import subprocess
from pathlib import Path

from . import debian
from .progress import ClusterError

_PACKAGE = "qemu-user-static"
_NAME = "qemu-aarch64"
# What the package has for systemd, which a container lacks; its flag F makes it work in other
# roots.
_RULE = Path(f"/usr/lib/binfmt.d/{_NAME}.conf")
_RULES = Path("/proc/sys/fs/binfmt_misc")


def enable() -> None:
    """Install QEMU and register it with the kernel, as the package does where systemd runs; it stays registered."""
    debian.install_packages((_PACKAGE,))
    if not (_RULES / "register").exists():
        _mount()
    if not (_RULES / _NAME).exists():
        (_RULES / "register").write_text(_RULE.read_text().strip())


def _mount() -> None:
    done = subprocess.run(
        ["mount", "-t", "binfmt_misc", "binfmt_misc", str(_RULES)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ClusterError(
            f"the kernel starts no programs of arm64: {done.stderr.strip()}. "
            "This needs root and a kernel with binfmt_misc"
        )
