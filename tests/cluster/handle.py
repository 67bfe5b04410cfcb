"""What a program under test needs to know of the cluster that is up, whichever kind it is."""

from dataclasses import dataclass
from pathlib import Path

from .images import Images
from .versitygw import S3Server


@dataclass(frozen=True)
class Cluster:
    """A cluster that was up when this was made."""

    kubeconfig: Path
    s3: S3Server
    """An S3 server with IAM that this machine and pods reach at the same address."""
    images: Images
    kubectl: Path
    helm: Path
    audit_log: Path | None = None
    """What the operator asked of the API server, a JSON object a line; None if that cannot be read."""

    def environment(self) -> dict[str, str]:
        """Return the settings as environment variables, for a child process or a shell."""
        names = {"WHEELYARD_IMAGE": self.images.wheelyard, "CLIENT_IMAGE": self.images.client}
        return {"KUBECONFIG": str(self.kubeconfig), **self.s3.environment(), **names}
