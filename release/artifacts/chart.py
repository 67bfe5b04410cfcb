"""The packaged chart, and the manifest for those who use no Helm."""

from pathlib import Path

from cluster import pypi

from .archives import normalise
from .commands import run
from .project import ROOT, version

CHART = ROOT / "charts/wheelyard"
NAMESPACE = "wheelyard-system"
_NAMESPACE = f"""\
# Wheelyard {{version}}: kubectl apply --server-side --filename install.yaml
#
# The CRDs, and the operator as the Helm chart makes it without any value set. For another region, credentials of
# AWS, or a limit to some namespaces, use the chart.
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
  labels:
    pod-security.kubernetes.io/enforce: restricted
"""


def package(target: Path, epoch: int) -> Path:
    """Package the chart, with the CRDs in it."""
    run(_helm(), "package", str(CHART), "--destination", str(target))
    archive = target / f"wheelyard-{version()}.tgz"
    normalise(archive, epoch)
    return archive


def manifest(target: Path, repository: str) -> Path:
    """Write one file that `kubectl apply` installs everything from; the image is that of `repository`."""
    options = ["--namespace", NAMESPACE, "--skip-tests", "--set-string", f"image.repository={repository}"]
    rendered = run(_helm(), "template", "wheelyard", str(CHART), *options)
    file = target / "install.yaml"
    file.write_text(f"{_NAMESPACE.format(version=version())}{rendered}")
    return file


def _helm() -> str:
    return str(pypi.helm())
