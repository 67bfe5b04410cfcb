"""The Go programs that no registry has ready-made, built from modules and kept by content."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import debian, pypi
from .paths import HERE, cache, locked
from .progress import ClusterError, log_tail, step

# A build takes a third less processor time (k8s.io/api/core/v1: 55 s, 46 s, 38 s) if the compiler
# collects its garbage less often and writes nothing for debuggers, which -w would only leave out
# after it was written.
_COMPILER_MEMORY = {"GOGC": "400"}
_COMPILER = "-gcflags=all=-dwarf=false"


@dataclass(frozen=True)
class Tool:
    """Programs that are built together from one module under `tools/`."""

    name: str
    module: str
    """The folder under `tools/`, which has a go.mod and a go.sum."""
    requires: str
    """The required Go module whose version is the tool's version."""
    packages: tuple[str, ...]
    usual_time: str
    names: tuple[str, ...] = ()
    """What its one program is called by, and then is: each is a link to it."""
    variables: tuple[str, ...] = ()
    """Go variables to set by the linker, as `path=value`; `{version}` is the tool's version."""

    @property
    def folder(self) -> Path:
        """Return where the go.mod lies."""
        return HERE / "tools" / self.module

    @property
    def version(self) -> str:
        """Return the version that go.mod pins, with its leading v."""
        found = re.search(rf"{re.escape(self.requires)} (v\S+)", (self.folder / "go.mod").read_text())
        if not found:
            raise ClusterError(f"{self.folder / 'go.mod'} does not require {self.requires}")
        return found.group(1)


KUBERNETES = Tool(
    name="kubernetes",
    module="kubernetes",
    requires="k8s.io/kubernetes",
    packages=(".",),
    usual_time="about 4 minutes on 2 cores",
    names=(
        "coredns",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-proxy",
        "kube-scheduler",
        "kubelet",
    ),
    variables=("k8s.io/component-base/version.gitVersion={version}",),
)
OLDEST_API_SERVER = Tool(
    name="kubernetes-oldest",
    module="kubernetes-oldest",
    requires="k8s.io/kubernetes",
    packages=("k8s.io/kubernetes/cmd/kube-apiserver",),
    usual_time="about 3 minutes on 2 cores",
    variables=KUBERNETES.variables,
)
VERSITYGW = Tool(
    name="versitygw",
    module="versitygw",
    requires="github.com/versity/versitygw",
    packages=("github.com/versity/versitygw/cmd/versitygw",),
    usual_time="about a minute",
)
GOFAKES3 = Tool(
    name="gofakes3",
    module="gofakes3",
    requires="github.com/johannesboyne/gofakes3",
    packages=("github.com/johannesboyne/gofakes3/cmd/gofakes3",),
    usual_time="about 20 seconds",
)
ACTIONLINT = Tool(
    name="actionlint",
    module="actionlint",
    requires="github.com/rhysd/actionlint",
    packages=("github.com/rhysd/actionlint/cmd/actionlint",),
    usual_time="about 10 seconds",
)
ARGOCD = Tool(
    name="argocd",
    module="argocd",
    requires="github.com/argoproj/argo-cd/v3",
    packages=("github.com/argoproj/argo-cd/v3/cmd",),
    usual_time="about 4 minutes on 2 cores",
    names=("argocd-repo-server", "argocd-application-controller", "argocd-applicationset-controller"),
    variables=("github.com/argoproj/argo-cd/v3/common.version={version}",),
)
FLUX = Tool(
    name="flux",
    module="flux",
    requires="github.com/fluxcd/kustomize-controller",
    packages=("github.com/fluxcd/kustomize-controller",),
    usual_time="about 4 minutes on 2 cores",
)
KUBECONFORM = Tool(
    name="kubeconform",
    module="kubeconform",
    requires="github.com/yannh/kubeconform",
    packages=("github.com/yannh/kubeconform/cmd/kubeconform",),
    usual_time="some seconds",
)
KUBE_SCORE = Tool(
    name="kube-score",
    module="kube-score",
    requires="github.com/zegl/kube-score",
    packages=("github.com/zegl/kube-score/cmd/kube-score",),
    usual_time="about half a minute",
)
HELM_UNITTEST = Tool(
    name="helm-unittest",
    module="helm-unittest",
    requires="github.com/helm-unittest/helm-unittest",
    packages=("github.com/helm-unittest/helm-unittest/cmd/helm-unittest",),
    usual_time="about half a minute",
)
DEX = Tool(
    name="dex",
    module="dex",
    requires="github.com/dexidp/dex",
    packages=("github.com/dexidp/dex/cmd/dex",),
    usual_time="about a minute",
)
OF_TESTS = (ARGOCD, FLUX, DEX, ACTIONLINT, KUBECONFORM, KUBE_SCORE, HELM_UNITTEST)
"""What the cluster does without, and its tests do not."""


def built(tool: Tool) -> Path:
    """Return the directory with the tool's programs, building them if the cache has none.

    Each entry of the cache is named by the content of everything that decides the result, so clones
    that want different versions do not disturb each other.
    """
    target = cache() / "tools" / f"{tool.name}-{tool.version}-{_key(tool)}"
    if target.is_dir():
        return target
    with locked(f"build-{tool.name}"):
        if not target.is_dir():
            _build(tool, target)
    return target


def build_all() -> None:
    """Get what only some tests need beforehand: each would get its own in the middle of a run."""
    debian.install_packages(tuple(debian.OF_TESTS.values()))
    with ThreadPoolExecutor(max_workers=2) as pool:
        for getting in [pool.submit(pypi.traefik), *(pool.submit(built, tool) for tool in OF_TESTS)]:
            getting.result()


def module_folder(folder: Path, module: str) -> Path:
    """Return where the source of a module lies that a go.mod names: some bring more than Go."""
    for command in (["mod", "download", module], ["list", "-m", "-f", "{{.Dir}}", module]):
        done = subprocess.run(
            [str(pypi.go()), *command], cwd=folder, env=_environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ClusterError(f"go {' '.join(command)} failed: {done.stderr}")
    return Path(done.stdout.strip())


def _build(tool: Tool, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    log = cache() / "tools" / f"{tool.name}.log"
    scratch = Path(tempfile.mkdtemp(prefix=f"{tool.name}-", dir=target.parent))
    flags = " ".join(f"-X {variable.format(version=tool.version)}" for variable in tool.variables)
    options = ["-trimpath", _COMPILER, "-ldflags", f"-s -w {flags}", "-o", f"{scratch}/"]
    command = [str(pypi.go()), "build", *options, *tool.packages]
    with step(f"building {tool.name} {tool.version}", f"once, {tool.usual_time}"), log.open("w") as output:
        done = subprocess.run(
            command, cwd=tool.folder, env=_environment(), stdout=output, stderr=output, check=False
        )
    if done.returncode:
        shutil.rmtree(scratch)
        raise ClusterError(f"building {tool.name} failed; {log_tail(log)}")
    _link(scratch, tool.names)
    scratch.chmod(0o755)
    scratch.rename(target)


def _link(folder: Path, names: tuple[str, ...]) -> None:
    program = next(folder.iterdir()).name
    for name in names:
        (folder / name).symlink_to(program)


def _environment() -> dict[str, str]:
    """Return an environment in which no setting of the machine changes what is built; it needs no C compiler."""
    pinned = {"GOWORK": "off", "GOTOOLCHAIN": "local", "GOFLAGS": "", "CGO_ENABLED": "0"}
    return {**os.environ, **pinned, **_COMPILER_MEMORY}


def _key(tool: Tool) -> str:
    digest = hashlib.sha256(
        repr((pypi.requirement(pypi.GO), _COMPILER, tool.packages, tool.names, tool.variables)).encode()
    )
    for file in sorted(each for each in tool.folder.iterdir() if each.suffix in (".go", ".mod", ".sum")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
