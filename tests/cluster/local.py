"""CLUSTER=local: a Kubernetes and an S3 server as processes of this machine, from up to down."""

import os
import platform
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from . import containerd, debian, host, images, kubernetes, network, pypi, tools, versitygw
from .handle import Cluster
from .paths import locked, state
from .processes import Supervisor, boot_id
from .progress import ClusterError, say, step
from .versitygw import S3Server

_ELSEWHERE = "use CLUSTER=kind or CLUSTER=current"
_KUBERNETES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "coredns", "containerd")
# These would start containers or write rules again while `down` removes them.
_RESTARTERS = ("kubelet", "kube-proxy")
_S3 = ("versitygw-s3", "versitygw-iam")
_CONTAINER_LOGS = Path("/var/log/containers")


def build() -> None:
    """Get all that the cluster is made of; a second call finds it in the cache."""
    _check_machine()
    debian.install_packages()
    # Two at a time: a Go build that starts, loads or links leaves a core to another one.
    with ThreadPoolExecutor(max_workers=2) as pool:
        steps = [pool.submit(tools.built, tool) for tool in (tools.KUBERNETES, tools.VERSITYGW)]
        steps += [pool.submit(get) for get in (debian.base_root, pypi.kubectl, pypi.helm)]
        for step in steps:
            step.result()


def up() -> None:
    """Bring up what is not up, and return when a pod could run and S3 answers."""
    build()
    with locked("cluster"):
        directory = _fresh_state()
        network.set_up()
        _start_s3(directory)
        is_new = not (directory / "etcd").exists()
        with step("starting Kubernetes", "about 10 seconds") if is_new else nullcontext():
            _start_kubernetes(directory)
    say(f"the cluster is up: export KUBECONFIG={directory / 'kubeconfig'}")


def load_images() -> None:
    """Build this working tree's images and import them; an instant if nothing has changed."""
    kubeconfig()
    archives = images.build()
    images.load(state(), *archives)
    say(f"the cluster has {' and '.join(archive.name for archive in archives)}")


def connect(*, with_images: bool) -> Cluster:
    """Describe the cluster that is up; an error if it is not, or if images are wanted and missing."""
    config, names = kubeconfig(), images.names()
    if with_images and not {names.wheelyard, names.client} <= set(containerd.images(state())):
        raise ClusterError("the images are not those of this working tree: run `python -m cluster images` first")
    audit_log = kubernetes.audit_log(state())
    return Cluster(config, s3(), names, kubectl=pypi.kubectl(), helm=pypi.helm(), audit_log=audit_log)


def up_s3() -> None:
    """Bring up the S3 server and its IAM alone."""
    _check_machine()
    debian.install_packages()
    with locked("cluster"):
        directory = _fresh_state()
        network.set_up()
        _start_s3(directory)
    say(f"S3 is up at {s3().endpoint}, IAM at {s3().iam_endpoint}")


def down() -> None:
    """Stop everything and remove every trace but the build cache; does nothing when nothing is there."""
    with locked("cluster"):
        if state().exists():
            say("taking the cluster down")
            _clear(state())
    for trace in leftovers():
        say(f"left behind: {trace}")


def stop_part(name: str) -> None:
    """Kill a program of the cluster, such as `kube-apiserver` or `versitygw-s3`, as a crash would."""
    supervisor = Supervisor(state())
    if not supervisor.alive(name):
        raise ClusterError(f"{name} does not run; there are: {', '.join(supervisor.names())}")
    supervisor.stop(name, limit=0)


def start_part(name: str) -> None:
    """Start a program again that `stop_part` has killed, with all else that has died; wait until ready."""
    say(f"starting {name}")
    up()


def status() -> dict[str, bool]:
    """Tell, for each program that was started, whether it runs."""
    supervisor = Supervisor(state())
    return {name: supervisor.alive(name) for name in supervisor.names()}


def s3() -> S3Server:
    """Return the S3 server that is up."""
    if not all(Supervisor(state()).alive(name) for name in _S3):
        raise ClusterError("S3 is not up: run `python -m cluster up` (or `s3`) first")
    return versitygw.load(state() / "s3.json")


def kubeconfig() -> Path:
    """Return the administrator's kubeconfig of the cluster that is up."""
    missing = [name for name in (*_KUBERNETES, *_RESTARTERS) if not Supervisor(state()).alive(name)]
    if missing:
        raise ClusterError(f"the cluster is not up ({', '.join(missing)}): run `python -m cluster up` first")
    return state() / "kubeconfig"


def leftovers() -> list[str]:
    """Name everything of a cluster that is still on this machine; after `down` there is nothing."""
    directory = state()
    running = [f"process {name}" for name, alive in status().items() if alive]
    files = [str(path) for path in (directory, *_stray_logs(directory)) if path.exists()]
    shims = [f"containerd-shim {pid}" for pid in containerd.shims(directory)]
    groups = [str(group) for group in containerd.shared_cgroups()]
    return [*running, *shims, *containerd.mounts(directory), *groups, *network.leftovers(), *files]


def _check_machine() -> None:
    machine = (platform.system(), platform.machine())
    if machine != ("Linux", "x86_64") or not shutil.which("apt-get"):
        raise ClusterError(f"the local cluster needs Debian on x86_64: {_ELSEWHERE}")
    if os.geteuid() != 0:
        raise ClusterError(f"the local cluster must be run by root (it mounts and makes networks): {_ELSEWHERE}")


def _fresh_state() -> Path:
    """Return the state directory; what another boot of the machine has left there is removed."""
    directory = state()
    mark = directory / "boot"
    if directory.exists() and (not mark.exists() or mark.read_text() != boot_id()):
        say("removing what is left of a cluster that the machine's restart ended")
        _clear(directory)
    directory.mkdir(mode=0o711, parents=True, exist_ok=True)
    if not mark.exists():
        network.check()
        host.note(directory / "host.json")
        mark.write_text(boot_id())
    return directory


def _start_s3(directory: Path) -> None:
    description = directory / "s3.json"
    if not description.exists():
        versitygw.save(versitygw.new_server(network.HOST, 7070, 7076), description)
    parts = versitygw.programs(versitygw.load(description), directory, directory)
    versitygw.start(Supervisor(directory), parts)


def _start_kubernetes(directory: Path) -> None:
    """Start the parts in the order of their needs, as many at a time as can start together."""
    supervisor = Supervisor(directory)
    kubernetes.prepare(directory)
    etcd = kubernetes.etcd(directory)
    pause = images.pause()
    runtime = containerd.program(directory, pause.name)
    supervisor.start(etcd, runtime)
    supervisor.wait(etcd)
    api_server = kubernetes.api_server(directory)
    supervisor.start(api_server)
    supervisor.wait(runtime)
    images.load(directory, pause)
    supervisor.wait(api_server)
    rest = (*kubernetes.controllers(directory), *kubernetes.node(directory))
    supervisor.start(*rest)
    kubernetes.apply_system(directory)
    dns = kubernetes.dns(directory)
    supervisor.start(dns)
    supervisor.wait(*rest, dns)
    supervisor.wait_until(partial(kubernetes.node_ready, directory), "kubelet", limit=90, what="the node")


def _clear(directory: Path) -> None:
    supervisor = Supervisor(directory)
    # No grace period: nothing that they could save in it is kept.
    supervisor.stop(*_RESTARTERS, limit=0)
    containerd.kill_containers(directory)
    supervisor.stop(*supervisor.names(), limit=0)
    containerd.tear_down(directory)
    network.tear_down()
    for link in _stray_logs(directory):
        link.unlink()
    host.restore(directory / "host.json")
    if still := containerd.mounts(directory):
        raise ClusterError(f"not removing {directory}, where something is still mounted: {' '.join(still)}")
    shutil.rmtree(directory)


def _stray_logs(directory: Path) -> list[Path]:
    """Return the links that the kubelet makes outside its own directories."""
    return [link for link in _CONTAINER_LOGS.glob("*") if str(link.readlink()).startswith(str(directory))]
