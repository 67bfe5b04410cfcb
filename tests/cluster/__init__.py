"""A real Kubernetes and a real S3 with IAM for tests and demos; README.md says how to use it."""

from . import apiserver, versitygw
from .apiserver import ApiServer
from .handle import Cluster
from .images import Images
from .kinds import chosen
from .local import start_part, stop_part
from .progress import ClusterError
from .versitygw import S3Server

__all__ = [
    "ApiServer",
    "Cluster",
    "ClusterError",
    "Images",
    "S3Server",
    "apiserver",
    "connect",
    "start_part",
    "stop_part",
    "versitygw",
]


def connect() -> Cluster:
    """Describe the cluster that is up, with this working tree's images in it.

    The environment variable CLUSTER says which kind of cluster. A ClusterError says what to run if
    it is not up, or if its images are older than the working tree.
    """
    return chosen().connect(with_images=True)
