"""CLUSTER=current: the cluster of the current kubectl context, with images and S3 that you bring.

Untested on the machine that this was written on. It builds nothing and removes nothing. It needs
these environment variables: WHEELYARD_IMAGE and CLIENT_IMAGE (pullable by the cluster), S3_ENDPOINT
and IAM_ENDPOINT (reachable from pods and from here), AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
AWS_REGION.
"""

import os
import shutil
import subprocess
from pathlib import Path

from .handle import Cluster
from .images import Images
from .progress import ClusterError, say
from .versitygw import S3Server


def build() -> None:
    """Do nothing: everything is brought by you."""


def up() -> None:
    """Check that the cluster answers."""
    subprocess.run([_program("kubectl"), "version"], check=True, capture_output=True, timeout=60)
    say("the cluster of the current context answers")


def up_s3() -> None:
    """Do nothing: S3 is brought by you."""


def down() -> None:
    """Do nothing: nothing here is ours."""


def load_images() -> None:
    """Check that the images are named; the cluster pulls them."""
    _images()


def status() -> dict[str, bool]:
    """Know of no parts."""
    return {}


def leftovers() -> list[str]:
    """Know of no traces."""
    return []


def connect(*, with_images: bool) -> Cluster:
    """Describe the cluster by the environment; an error names what is missing there."""
    server = S3Server(
        endpoint=_variable("S3_ENDPOINT"),
        iam_endpoint=_variable("IAM_ENDPOINT"),
        region=_variable("AWS_REGION"),
        access_key=_variable("AWS_ACCESS_KEY_ID"),
        secret_key=_variable("AWS_SECRET_ACCESS_KEY"),
    )
    config = Path(os.environ.get("KUBECONFIG") or Path.home() / ".kube/config")
    names = _images() if with_images else Images("", "")
    return Cluster(config, server, names, kubectl=Path(_program("kubectl")), helm=Path(_program("helm")))


def _images() -> Images:
    return Images(wheelyard=_variable("WHEELYARD_IMAGE"), client=_variable("CLIENT_IMAGE"))


def _variable(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise ClusterError(f"CLUSTER=current needs the environment variable {name}")
    return value


def _program(name: str) -> str:
    found = shutil.which(name)
    if not found:
        raise ClusterError(f"{name} is not on PATH: install it")
    return found
