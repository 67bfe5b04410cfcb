"""An index inside a cluster: an upstream of the tests as a pod, like PyPI or of another kind."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster import Cluster
from support.pod_program import PodProgram, Program

NAMESPACE, NAME = "public", "public-index"
PORT, FILES_PORT = 8080, 8081
ALLOWED_HOSTS = tuple(
    each
    for namespace in (NAMESPACE, "{namespace}")
    for each in (
        f"http://{NAME}.{namespace}.svc.cluster.local:{PORT}",
        f"{NAME}.{namespace}.svc.cluster.local:{FILES_PORT}",
    )
)
"""For the chart's `upstreams.allowedHosts`: one for all indexes, and one in the namespace of each."""
_TESTS = Path(__file__).parents[1]
_CONTAINER = "index"


@dataclass(frozen=True)
class PublicIndex:
    """It runs `python -m support.upstreams`."""

    cluster: Cluster
    namespace: str = NAMESPACE
    kind: str = "pypi"
    password: str = ""
    """What a kind with a login accepts."""
    young: tuple[str, ...] = ()
    """Releases that are published when it starts, such as `public-app==3.0`."""

    @property
    def host(self) -> str:
        """Return its name for all pods of the cluster."""
        return self._pod.host

    @property
    def upstream(self) -> dict[str, Any]:
        """Return an item of `spec.upstreams`: its pages, and its files on another host, as PyPI has them."""
        files = f"{self.host}:{FILES_PORT}"
        return {"name": "public", "url": f"http://{self.host}:{PORT}/simple/", "fileHosts": [files]}

    def apply(self) -> None:
        """Run it; one with another program or other settings is replaced."""
        self._pod.apply()

    def wait(self) -> None:
        """Return when it answers."""
        self._pod.wait()

    def start(self) -> None:
        """Run it, and return when it answers."""
        self.apply()
        self.wait()

    def stop(self) -> None:
        """End it, and return when its pods are gone."""
        self._pod.stop()

    def requests(self) -> list[str]:
        """Return the requests since it was started, such as `200 GET /simple/demo/`."""
        return self._pod.printed(_CONTAINER)[1:]

    @property
    def _pod(self) -> PodProgram:
        ports = ("--port", str(PORT), "--files-port", str(FILES_PORT))
        young = [each for release in self.young for each in ("--young", release)]
        arguments = ("--host", "0.0.0.0", "--kind", self.kind, *ports, "--password", self.password, *young)  # noqa: S104 - a pod
        program = Program("support.upstreams", arguments, (PORT, FILES_PORT))
        return PodProgram(self.cluster, self.namespace, NAME, {_CONTAINER: program}, list(_files()))


def _files() -> Iterator[str]:
    """Yield the files of the program; `mirroring` is not one of them, it needs the product."""
    yield from ("support/__init__.py", "support/distributions.py")
    for each in sorted((_TESTS / "support/upstreams").glob("*.py")):
        if each.stem != "mirroring":
            yield str(each.relative_to(_TESTS))
