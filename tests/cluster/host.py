"""Host settings that the cluster's programs always change: recorded before, restored after."""

import json
from contextlib import suppress
from pathlib import Path

# The kubelet sets most of these at its start.
_SETTINGS = (
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "net/bridge/bridge-nf-call-iptables",
    "net/ipv4/conf/all/route_localnet",
    "net/ipv4/ip_forward",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
)
# Inner ones first. What containers leave in these folders is removed by containerd.py and local.py.
_TRACES = (
    "/etc/cni/net.d/cni.lock",
    "/etc/cni/net.d",
    "/etc/cni",
    "/run/containerd/s",
    "/run/containerd/fifo",
    "/run/containerd",
    "/usr/libexec/kubernetes/kubelet-plugins/volume/exec",
    "/usr/libexec/kubernetes/kubelet-plugins/volume",
    "/usr/libexec/kubernetes/kubelet-plugins",
    "/usr/libexec/kubernetes",
    "/var/lib/cni/results",
    "/var/lib/cni",
    "/var/lib/kubelet/device-plugins/kubelet.sock",
    "/var/lib/kubelet/device-plugins",
    "/var/lib/kubelet",
    "/var/log/containers",
)


def note(file: Path) -> None:
    """Write down the kernel's settings and which traces are not there yet, unless that was done before."""
    if file.exists():
        return
    settings = {name: _setting(name).read_text() for name in _SETTINGS if _setting(name).exists()}
    missing = [trace for trace in _TRACES if not Path(trace).exists()]
    file.write_text(json.dumps({"settings": settings, "missing": missing}))


def restore(file: Path) -> None:
    """Put back what was noted; folders that somebody else uses by now stay."""
    if not file.exists():
        return
    noted = json.loads(file.read_text())
    for name, value in noted["settings"].items():
        _setting(name).write_text(value)
    for trace in map(Path, noted["missing"]):
        if trace.is_dir():
            remove_if_empty(trace)
        else:
            trace.unlink(missing_ok=True)


def switch_on(name: str) -> None:
    """Set a kernel setting to 1, if this kernel has it."""
    if _setting(name).exists():
        _setting(name).write_text("1")


def remove_if_empty(folder: Path) -> None:
    """Remove a folder; one that is not empty, or not there, stays as it is."""
    with suppress(OSError):
        folder.rmdir()


def _setting(name: str) -> Path:
    return Path("/proc/sys") / name
