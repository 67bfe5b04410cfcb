"""A containerd of the cluster's own: nothing else on the machine shares its socket or its images."""

import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from . import network
from .host import remove_if_empty
from .processes import Program, send
from .templates import render

PAUSE_NAME = "wheelyard.dev/pause"
_NAMESPACE = "k8s.io"
# The CNI library records its results here, whatever its configuration says.
_CNI_RESULTS = Path("/var/lib/cni/results")


def program(state: Path, pause: str) -> Program:
    """Describe the containerd whose whole state lies below this directory."""
    socket = socket_of(state)
    values = {"STATE": state, "SOCKET": socket, "PAUSE": pause}
    config = render("containerd.toml", state / "config/containerd.toml", **values)
    render(
        "cni.conflist",
        state / "cni/config/wheelyard.conflist",
        STATE=state,
        BRIDGE=network.BRIDGE,
        PODS=network.PODS,
    )
    return Program(
        name="containerd",
        command=("containerd", "--config", str(config), "--log-level", "warn"),
        files=(config,),
        ready=f"unix:{socket}",
    )


def socket_of(state: Path) -> Path:
    """Return the socket that this state directory's containerd listens at."""
    return state / "containerd.sock"


def images(state: Path) -> list[str]:
    """Return the names of the images that pods can use."""
    return _ctr(state, "images", "list", "--quiet").split()


def import_archive(state: Path, archive: Path) -> None:
    """Make the image of a docker or OCI archive known to the cluster."""
    _ctr(state, "images", "import", str(archive))


def kill_containers(state: Path, limit: float = 10) -> None:
    """Kill all processes of our containers, then give containerd a moment to tidy up after them."""
    end = time.monotonic() + limit
    while (pids := _contained(state)) and time.monotonic() < end:
        for pid in pids:
            send(pid, signal.SIGKILL)
        time.sleep(0.05)
    while shims(state) and time.monotonic() < end:
        time.sleep(0.05)


def tear_down(state: Path) -> None:
    """Remove, when containerd has stopped, its shims, mounts, control groups and stray files."""
    for pid in shims(state):
        send(pid, signal.SIGKILL)
    for task in _tasks(state):
        if (task / "address").exists():
            Path((task / "address").read_text().removeprefix("unix://")).unlink(missing_ok=True)
    if mounted := mounts(state):
        # Lazily, since a process that was just killed may hold one for an instant longer.
        subprocess.run(["umount", "--lazy", *reversed(mounted)], check=False, capture_output=True)
    for group in [*_cgroups(state), *shared_cgroups()]:
        remove_if_empty(group)
    for result in _CNI_RESULTS.glob("*"):
        # Each names its network namespace, and ours lie below our directory.
        if str(state) in result.read_text():
            result.unlink()


def mounts(state: Path) -> list[str]:
    """Return what is mounted below the state directory, outermost first."""
    places = (line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines())
    return [place for place in places if place.startswith(f"{state}/")]


def shared_cgroups() -> list[Path]:
    """Return the control groups that hold those of containers, in cgroup v2 as in each hierarchy of v1."""
    top = Path("/sys/fs/cgroup")
    return [place for hierarchy in (top, *top.iterdir()) if (place := hierarchy / _NAMESPACE).is_dir()]


def shims(state: Path) -> list[int]:
    """Return the shims that talk to our socket and no other's."""
    wanted = str(socket_of(state)).encode()
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        arguments = []
        with suppress(OSError):
            arguments = command.read_bytes().split(b"\0")
        if wanted in arguments and arguments[0].endswith(b"containerd-shim-runc-v2"):
            found.append(int(command.parent.name))
    return found


def _cgroups(state: Path) -> list[Path]:
    """Return the control groups of our containers."""
    places = [shared / task.name for shared in shared_cgroups() for task in _tasks(state)]
    return [place for place in places if place.is_dir()]


def _tasks(state: Path) -> list[Path]:
    """Return the directories that containerd keeps for running containers, each named by its id."""
    return list((state / "containerd/state/io.containerd.runtime.v2.task" / _NAMESPACE).glob("*"))


def _contained(state: Path) -> set[int]:
    """Return the processes of our containers; a group may vanish while it is read."""
    found: set[int] = set()
    for group in _cgroups(state):
        with suppress(OSError):
            found.update(map(int, (group / "cgroup.procs").read_text().split()))
    return found


def _ctr(state: Path, *arguments: str) -> str:
    command = ["ctr", "--address", str(socket_of(state)), "--namespace", _NAMESPACE, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
