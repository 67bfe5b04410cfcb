"""Clients outside: pods that know the address of the cluster's edge and a login, and nothing else of it."""

from cluster import Cluster, traefik
from support.here import Here
from support.kubectl import Kubectl
from support.tls import Certificate

AUTHORITY = "/authority/authority.pem"
TWINE = "twine upload --non-interactive --disable-progress-bar"
INSTALL = "--quiet --no-deps --target /tmp/installed"


def namespace_with(kubectl: Kubectl, name: str, certificate: Certificate, secret: str) -> None:
    """Make a namespace with the certificate in a Secret, as a platform team or cert-manager would."""
    if kubectl.attempt("get", "namespace", name).returncode:
        kubectl("create", "namespace", name)
    made = ("create", "secret", "tls", secret, f"--cert={certificate.chain}", f"--key={certificate.key}")
    manifest = kubectl("-n", name, *made, "--dry-run=client", "-o", "json")
    kubectl("apply", "-f", "-", stdin=manifest)


def laptop(here: Here, cluster: Cluster, certificate: Certificate, host: str) -> None:
    """Start the pod `client` with the developer's login and the authority, and with nothing else of the cluster."""
    manifest = here.kubectl(
        *("-n", here.namespace, "create", "configmap", "authority", f"--from-file={certificate.authority}"),
        *("--dry-run=client", "-o", "json"),
    )
    here.kubectl("apply", "-f", "-", stdin=manifest)
    # One that a killed run has left would trust another authority.
    here.kubectl("-n", here.namespace, "delete", "pod", "client", "--ignore-not-found")
    trust = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT")
    here.client_pod(
        cluster,
        hostAliases=[{"ip": traefik.ADDRESS, "hostnames": [host]}],
        volumes=[{"name": "authority", "configMap": {"name": "authority"}}],
        container={
            "envFrom": [{"secretRef": {"name": "developer-pypi"}}],
            "env": [{"name": name, "value": AUTHORITY} for name in trust],
            "volumeMounts": [{"name": "authority", "mountPath": "/authority"}],
        },
    )


def remove(kubectl: Kubectl, namespace: str) -> None:
    """Remove what is ours before the namespace goes: see conftest."""
    kubectl.attempt(
        "-n", namespace, "delete", "packageindexes,indexusers,packageexceptions,pods", "--all", "--timeout=60s"
    )
    kubectl.attempt("delete", "namespace", namespace, "--wait=false")


def status(here: Here, url: str) -> int:
    """Ask without a login, from the pod."""
    return int(here.in_client("python3", "-c", STATUS, url))


STATUS = """
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=20).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""
