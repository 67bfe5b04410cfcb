"""Mirrors of the bench's nginx: Wheelyard, and other products as `support.real_mirrors` starts them."""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from bench.data import Tree
from bench.places import kept
from bench.servers.base import Running, Server, free_port, start_program, version_in
from bench.servers.nginx import Nginx
from bench.servers.publishing import READY_SECONDS, wait_until_answers
from bench.servers.wheelyard import Wheelyard
from support import osv
from support.real_mirrors import PRODUCTS, Product
from wheelyard_server.storage import layout

MIRRORING = frozenset({"mirrors", "mirrored-installs"})
_POLICY = """\
policy:
  cooldown: {age: 7d, fixes: 4h}
  deny: [{packages: ["evil-*"], reason: measured}]
  vulnerabilities: {action: Block, severity: High}
  licenses: {action: Block, deny: ["AGPL-*"]}
  formats: {action: Block, allow: [wheel]}
  exceptions:
  - {packages: ["made-*"], versions: "==1.0", from: [cooldown], until: "2099-01-01", reason: measured}
"""


class Mirror(Server):
    """A product whose upstream is nginx with the same wheels."""

    def __init__(self, product: Product, upstream: Nginx | None = None, suffix: str = "mirror") -> None:
        self._product = product
        self._upstream = upstream or Nginx()
        self.name = f"{product.name}-{suffix}"
        self.groups = MIRRORING if upstream is None else upstream.groups
        self.settings = (
            f"{product.settings}; upstream: {upstream.settings if upstream else 'the nginx of this bench'}"
        )
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
        self._upstream.prepare(tree)

    def start(self, home: Path, tree: Tree | None) -> Running:
        """See `Server.start`."""
        upstream, port = self._upstream.start(home, tree), free_port()
        simple = f"{upstream.url}/simple/"
        run = self._product.run(simple, port, home)
        running = start_program(self, home, tuple(run.command), port, **run.environment)
        running = replace(running, aids=(*upstream.programs, *upstream.aids))
        if self._product.needs_finish:
            wait_until_answers(running, "/+api")
            self._product.finish(running.url, simple)
        return running


@dataclass(frozen=True)
class WheelyardMirror(Wheelyard):
    """Wheelyard on a folder, whose upstream is nginx."""

    groups: frozenset[str] = MIRRORING
    upstream: Nginx = field(default_factory=Nginx)
    has_policy: bool = False
    """Whether it has rules and all of OSV's advisories, as made records."""

    @property
    def caches(self) -> bool:
        """See `Server.caches`."""
        return True

    def prepare(self, tree: Tree | None) -> None:
        """See `Server.prepare`."""
        self.upstream.prepare(tree)

    def start(self, home: Path, tree: Tree | None) -> Running:
        """See `Server.start`."""
        upstream = self.upstream.start(home, tree)
        host = upstream.url.removeprefix("http://")
        changed = {
            **self.changed,
            "upstreams": [{"name": "nginx", "url": f"{upstream.url}/simple/"}],
            "egress": {"allowedHosts": [host]},
            **(_policy(home) if self.has_policy else {}),
        }
        running = replace(self, changed=changed).start_empty(home)
        if self.has_policy:
            _wait_for_advisories(home / "storage")
        return replace(running, aids=(*upstream.programs, *upstream.aids))

    def start_empty(self, home: Path) -> Running:
        """Start it without a wheel of its own."""
        return super().start(home, None)


def _policy(home: Path) -> dict[str, Any]:
    file = home / "policy.yaml"
    file.write_text(_POLICY)
    advisories = kept("osv-1", lambda folder: _write_advisories(folder / "all.zip"))
    return {"policyFile": str(file), "advisories": {"file": str(advisories / "all.zip")}}


def _wait_for_advisories(storage: Path) -> None:
    """Wait until the server no longer works on the feed, which takes seconds."""
    pointer, end = storage / layout.CURRENT_ADVISORIES, time.monotonic() + READY_SECONDS
    while not (pointer.exists() and _has_read(msgspec.json.decode(pointer.read_bytes()))):
        if time.monotonic() > end:
            raise RuntimeError("there are no advisories")
        time.sleep(0.1)


def _has_read(pointer: dict[str, object]) -> bool:
    return bool(pointer.get("base")) and not pointer.get("claim")


def _write_advisories(target: Path) -> None:
    target.write_bytes(osv.export(osv.as_many_as_osv()))


_SETTINGS = "a folder, one process; upstream: the nginx of this bench"
_NO_FAST_LANE = {"performance": {"fastLane": False}}
_RULES = frozenset({"rules"})
ALL = (
    WheelyardMirror("wheelyard-mirror", _SETTINGS, groups=MIRRORING | _RULES),
    WheelyardMirror("wheelyard-mirror-rules", f"{_SETTINGS}; all rules", has_policy=True, groups=_RULES),
    WheelyardMirror("wheelyard-mirror-aiohttp", f"{_SETTINGS}; no fast lane", changed=_NO_FAST_LANE, groups=_RULES),
    WheelyardMirror(
        "wheelyard-mirror-aiohttp-rules",
        f"{_SETTINGS}; no fast lane; all rules",
        changed=_NO_FAST_LANE,
        has_policy=True,
        groups=_RULES,
    ),
    WheelyardMirror(
        "wheelyard-mirror-unlogged",
        f"{_SETTINGS}; no fetch log",
        changed={"fetchLog": {"days": 0}},
        groups=_RULES,
    ),
    *(Mirror(product) for product in PRODUCTS),
)
