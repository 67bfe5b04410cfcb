"""Mirrors of the bench's nginx: Wheelyard, and other products as `support.real_mirrors` starts them."""

from dataclasses import dataclass, replace
from pathlib import Path

from bench.data import Tree
from bench.servers.base import Running, Server, free_port, start_program, version_in
from bench.servers.nginx import Nginx
from bench.servers.publishing import wait_until_answers
from bench.servers.wheelyard import Wheelyard
from support.real_mirrors import PRODUCTS, Product

MIRRORING = frozenset({"mirrors", "mirrored-installs"})


class Mirror(Server):
    """A product whose upstream is nginx with the same wheels."""

    groups = MIRRORING

    def __init__(self, product: Product) -> None:
        self._product = product
        self.name = f"{product.name}-mirror"
        self.settings = f"{product.settings}; upstream: the nginx of this bench"
        self.pages = product.pages

    @property
    def caches(self) -> bool:
        """See `Server.caches`."""
        return True

    def install(self) -> str:
        """See `Server.install`."""
        return version_in(self._product.environment, self._product.distribution)

    def prepare(self, tree: Tree | None) -> None:
        """See `Server.prepare`."""
        Nginx().prepare(tree)

    def start(self, home: Path, tree: Tree | None) -> Running:
        """See `Server.start`."""
        upstream, port = Nginx().start(home, tree), free_port()
        simple = f"{upstream.url}/simple/"
        run = self._product.run(simple, port, home)
        running = start_program(self, home, tuple(run.command), port, **run.environment)
        running = replace(running, aids=upstream.programs)
        if self._product.needs_finish:
            wait_until_answers(running, "/+api")
            self._product.finish(running.url, simple)
        return running


@dataclass(frozen=True)
class WheelyardMirror(Wheelyard):
    """Wheelyard on a folder, whose upstream is nginx."""

    groups: frozenset[str] = MIRRORING

    @property
    def caches(self) -> bool:
        """See `Server.caches`."""
        return True

    def prepare(self, tree: Tree | None) -> None:
        """See `Server.prepare`."""
        Nginx().prepare(tree)

    def start(self, home: Path, tree: Tree | None) -> Running:
        """See `Server.start`."""
        upstream = Nginx().start(home, tree)
        host = upstream.url.removeprefix("http://")
        changed = {
            "upstreams": [{"name": "nginx", "url": f"{upstream.url}/simple/"}],
            "egress": {"allowedHosts": [host]},
        }
        running = replace(self, changed=changed).start_empty(home)
        return replace(running, aids=upstream.programs)

    def start_empty(self, home: Path) -> Running:
        """Start it without a wheel of its own."""
        return super().start(home, None)


ALL = (
    WheelyardMirror("wheelyard-mirror", "a folder, one process; upstream: the nginx of this bench"),
    *(Mirror(product) for product in PRODUCTS),
)
