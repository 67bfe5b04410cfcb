"""The Go programs of the local cluster and of its tests, built from modules and kept by content."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path

from .paths import HERE, cache, locked
from .progress import ClusterError, log_tail, say


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
    packages=tuple(
        f"k8s.io/kubernetes/cmd/{part}"
        for part in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")
    ),
    usual_time="about 5 minutes on 2 cores",
    variables=("k8s.io/component-base/version.gitVersion={version}",),
)
KUBECTL = Tool(
    name="kubectl",
    module="kubernetes",
    requires="k8s.io/kubernetes",
    packages=("k8s.io/kubernetes/cmd/kubectl",),
    usual_time="about a minute",
    variables=KUBERNETES.variables,
)
VERSITYGW = Tool(
    name="versitygw",
    module="versitygw",
    requires="github.com/versity/versitygw",
    packages=("github.com/versity/versitygw/cmd/versitygw",),
    usual_time="about 2 minutes",
)
GOFAKES3 = Tool(
    name="gofakes3",
    module="gofakes3",
    requires="github.com/johannesboyne/gofakes3",
    packages=("github.com/johannesboyne/gofakes3/cmd/gofakes3",),
    usual_time="about 20 seconds",
)
HELM = Tool(
    name="helm",
    module="helm",
    requires="helm.sh/helm/v3",
    packages=("helm.sh/helm/v3/cmd/helm",),
    usual_time="about 2 minutes",
    variables=(
        "helm.sh/helm/v3/internal/version.version={version}",
        # `helm template` and `helm lint` take the Kubernetes version from these, and else say 1.20.
        "helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=34",
        "helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=34",
    ),
)
COREDNS = Tool(
    name="coredns",
    module="coredns",
    requires="github.com/coredns/coredns",
    packages=("github.com/coredns/coredns",),
    usual_time="about 2 minutes",
)
TRAEFIK = Tool(
    name="traefik",
    module="traefik",
    requires="github.com/traefik/traefik/v3",
    packages=("github.com/traefik/traefik/v3/cmd/traefik",),
    usual_time="about 5 minutes on 2 cores: it knows every cloud",
    variables=("github.com/traefik/traefik/v3/pkg/version.Version={version}",),
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
OF_TESTS = (ARGOCD, FLUX, TRAEFIK, ACTIONLINT, KUBECONFORM, KUBE_SCORE, HELM_UNITTEST)
"""What the cluster does without, and its tests do not."""


def built(tool: Tool) -> Path:
    """Return the directory with the tool's programs, building them if the cache has none.

    What is in the cache is named by the content of everything that decides the result, so clones
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
    """Build all `OF_TESTS` beforehand: each test would build its own when it comes to it, one after the other."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        for step in [pool.submit(built, tool) for tool in OF_TESTS]:
            step.result()


def module_folder(tool: Tool, module: str) -> Path:
    """Return where the source of a module lies that a tool is built with: some bring more than Go."""
    environment = os.environ | {"GOWORK": "off"}
    for command in (["mod", "download", module], ["list", "-m", "-f", "{{.Dir}}", module]):
        done = subprocess.run(
            ["go", *command], cwd=tool.folder, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ClusterError(f"go {' '.join(command)} failed: {done.stderr}")
    return Path(done.stdout.strip())


def kubectl() -> Path:
    """Return the kubectl on PATH, or else one built from the cluster's own version."""
    found = shutil.which("kubectl")
    return Path(found) if found else built(KUBECTL) / "kubectl"


def _build(tool: Tool, target: Path) -> None:
    say(f"building {tool.name} {tool.version} (once, {tool.usual_time})")
    target.parent.mkdir(parents=True, exist_ok=True)
    log = cache() / "tools" / f"{tool.name}.log"
    scratch = Path(tempfile.mkdtemp(prefix=f"{tool.name}-", dir=target.parent))
    flags = " ".join(f"-X {variable.format(version=tool.version)}" for variable in tool.variables)
    command = ["go", "build", "-trimpath", "-ldflags", f"-s -w {flags}", "-o", f"{scratch}/", *tool.packages]
    with log.open("w") as output:
        # Versions are pinned by go.mod; a workspace file above the clone must not change them.
        environment = os.environ | {"GOWORK": "off"}
        done = subprocess.run(command, cwd=tool.folder, env=environment, stdout=output, stderr=output, check=False)
    if done.returncode:
        shutil.rmtree(scratch)
        raise ClusterError(f"building {tool.name} failed; {log_tail(log)}")
    scratch.chmod(0o755)
    scratch.rename(target)


def _key(tool: Tool) -> str:
    digest = hashlib.sha256(repr((_go_version(), tool.packages, tool.variables)).encode())
    for name in ("go.mod", "go.sum"):
        digest.update((tool.folder / name).read_bytes())
    return digest.hexdigest()[:12]


@once
def _go_version() -> str:
    if not shutil.which("go"):
        raise ClusterError("there is no Go to build with: install it, or use CLUSTER=kind or CLUSTER=current")
    return subprocess.run(["go", "version"], check=True, capture_output=True, text=True).stdout.strip()
