"""Wheelyard, pypiron and peryx as gates: an upstream behind them, and a feed of advisories.

Each has the settings that its documents have for this, and the same intervals. What a product has
no setting for is `NotOffered`, with the place in its documents.
"""

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.request import urlopen

import msgspec

from bench.data import Tree
from bench.servers.base import NotOffered, Running, Server, free_port, start_program, version_in
from bench.servers.publishing import wait_until_answers
from bench.servers.wheelyard import TOKEN, Wheelyard
from clients.command import output, run, succeed
from support.osv_server import OsvServer
from support.patience import HANG_SECONDS
from support.real_mirrors import BY_NAME
from support.upstreams.running import Upstream

AGE_DAYS = 7
POLL_SECONDS = 2
"""How often the feed is asked. Wheelyard and pypiron do it every 120 s by default."""


@dataclass(frozen=True)
class World:
    """The upstream and the feed of a gate."""

    upstream: Upstream
    feed: OsvServer


@dataclass(frozen=True)
class Excepted:
    """A release that need not wait, until a moment."""

    project: str
    version: str
    until: datetime


class Ability(Enum):
    """What a gate may be able to do."""

    FEED = auto()
    EXCEPTION = auto()
    REPORT = auto()
    PREVIEW = auto()


class Gate(Server, ABC):
    """A product that decides which files of an upstream it serves."""

    groups = frozenset({"policies"})
    lacks: Mapping[Ability, str] = MappingProxyType({})
    """Why it cannot do something. It does not implement the method for that."""

    def require(self, ability: Ability) -> None:
        """Raise `NotOffered` if it cannot do something."""
        if ability in self.lacks:
            raise NotOffered(self.lacks[ability])

    def prepare(self, tree: Tree | None) -> None:
        """See `Server.prepare`: it stores nothing beforehand."""

    def start(self, home: Path, tree: Tree | None) -> Running:
        """See `Server.start`; a gate needs a world, see `open`."""
        raise NotImplementedError

    @abstractmethod
    def open(self, home: Path, world: World, *, cooldown: bool) -> Running:
        """Start it on what it has stored in `home`, until it answers.

        Malware is refused, and with a cooldown all files that are younger than `AGE_DAYS`.
        """

    def make_exception(self, home: Path, excepted: Excepted) -> None:
        """Except a release from the cooldown, while it runs."""
        raise NotImplementedError

    def only_report(self, home: Path) -> None:
        """Have the cooldown refuse nothing, and say what it would refuse, while it runs."""
        raise NotImplementedError

    def reported(self, home: Path) -> int:
        """Return how many requests the cooldown would have refused."""
        raise NotImplementedError

    def preview(self, running: Running, home: Path, world: World, denied: str) -> str:
        """Return the used files that denying a project would refuse; one that must not run is stopped."""
        raise NotImplementedError


class WheelyardGate(Gate):
    """Wheelyard on a folder, one process."""

    name = "wheelyard-gate"
    settings = f"a policy file; the feed is asked every {POLL_SECONDS} s"

    def install(self) -> str:
        """See `Server.install`."""
        return self._server({}).install()

    def open(self, home: Path, world: World, *, cooldown: bool) -> Running:
        """See `Gate.open`."""
        _write_policy(home, "Block" if cooldown else "Off")
        ports = {name: {"host": "127.0.0.1", "port": free_port()} for name in ("cluster", "metrics")}
        (home / "metrics").write_text(f"http://127.0.0.1:{ports['metrics']['port']}/metrics")
        changed = {
            "upstreams": [{"name": "other", "url": world.upstream.url, "fileHosts": world.upstream.hosts}],
            "egress": {"allowedHosts": [*world.upstream.hosts, world.feed.host]},
            "policyFile": str(home / "policy.yaml"),
            "advisories": {"url": world.feed.url, "pollSeconds": POLL_SECONDS},
            "listeners": ports,
        }
        running = self._server(changed).start(home, None)
        running = replace(running, server=self, url=f"http://127.0.0.1:{ports['cluster']['port']}")
        wait_until_answers(running, "/-/readyz")
        return running

    def make_exception(self, home: Path, excepted: Excepted) -> None:
        """See `Gate.make_exception`."""
        exception = {
            "packages": [excepted.project],
            "versions": f"=={excepted.version}",
            "from": ["cooldown"],
            "until": excepted.until.isoformat(),
            "reason": "measured",
        }
        _write_policy(home, "Block", exception)

    def only_report(self, home: Path) -> None:
        """See `Gate.only_report`."""
        _write_policy(home, "Report")

    def reported(self, home: Path) -> int:
        """See `Gate.reported`."""
        with urlopen((home / "metrics").read_text(), timeout=HANG_SECONDS) as answer:
            lines = answer.read().decode().splitlines()
        counted = 'wheelyard_policy_decisions_total{action="Report",rule="cooldown"}'
        return sum(int(float(line.rpartition(" ")[2])) for line in lines if line.startswith(counted))

    def preview(self, running: Running, home: Path, world: World, denied: str) -> str:  # noqa: ARG002
        """See `Gate.preview`."""
        (home / "new.yaml").write_text(f"policy:\n  deny:\n  - packages: [{denied}]\n    reason: measured\n")
        login = running.index_url().replace("://", f"://__token__:{TOKEN}@")
        command = (sys.executable, "-m", "wheelyard_server", "policy", "plan", "--config", home / "new.yaml")
        return output(
            run(*command, "--index-url", login, cwd=home, variables={"PYTHONPATH": os.pathsep.join(sys.path)})
        )

    def _server(self, changed: Mapping[str, Any]) -> Wheelyard:
        return Wheelyard(self.name, self.settings, changed=changed)


def _write_policy(home: Path, cooldown: str, *exceptions: Mapping[str, object]) -> None:
    policy = {"cooldown": {"action": cooldown, "age": f"{AGE_DAYS}d"}, "exceptions": exceptions}
    (home / "policy.new").write_bytes(msgspec.yaml.encode({"policy": policy}))
    (home / "policy.new").replace(home / "policy.yaml")


class _Peer(Gate):
    """A product of `support.real_mirrors`, with other settings."""

    product: str

    def install(self) -> str:
        """See `Server.install`."""
        found = BY_NAME[self.product]
        return version_in(found.environment, found.distribution)

    def program(self) -> str:
        """Return the path of its program."""
        return str(BY_NAME[self.product].environment / "bin" / self.product)

    def run(self, home: Path, port: int, command: Sequence[object]) -> Running:
        """Start it, until it answers."""
        running = start_program(self, home, tuple(map(str, command)), port)
        wait_until_answers(running, self.pages)
        return running


class PypironGate(_Peer):
    """Pypiron on a folder."""

    name, product = "pypiron-gate", "pypiron"
    settings = f"--exclude-newer, --advisory-feed, --malware-probe-secs {POLL_SECONDS}"
    lacks = MappingProxyType(
        {
            Ability.EXCEPTION: "`--exclude-newer` is for all packages (configuration.md, Mirror selection)",
            Ability.REPORT: "`--exclude-newer` and `--malware-block` are on or off (configuration.md, Server)",
            Ability.PREVIEW: "only `sync` has `--dry-run`, which lists what it would copy (configuration.md, Sync)",
        }
    )

    def open(self, home: Path, world: World, *, cooldown: bool) -> Running:
        """See `Gate.open`. Its feed has the URL that it needs to look for single records, too."""
        (home / "spool").mkdir(exist_ok=True)
        storage = ("--data-dir", home / "data", "--spool-dir", home / "spool")
        root = world.upstream.url.removesuffix("/simple/")
        mirror = ("--proxy-upstream", root, "--allow-insecure-upstream", "--proxy-allow-host", "127.0.0.1")
        feed = ("--advisory-feed", f"{world.feed.url}all.zip", "--malware-probe-secs", POLL_SECONDS)
        age = ("--exclude-newer", f"{AGE_DAYS} days" if cooldown else "")
        port = free_port()
        place = ("serve", "--bind-addr", f"127.0.0.1:{port}")
        return self.run(home, port, (self.program(), *place, *storage, *mirror, *feed, *age, "--include-yanked"))


class PeryxGate(_Peer):
    """Peryx with one cached index."""

    name, product, pages = "peryx-gate", "peryx", "/main/simple/"
    settings = "min_release_age_secs"
    lacks = MappingProxyType(
        {
            Ability.FEED: "it has no feed; people block digests by hand (repositories/digest-revocations.md)",
            Ability.EXCEPTION: "a policy is for all packages of an index (reference/policy.md); a second index "
            "with `allow_resources` in the same layers lets one through and refuses all others with 403",
            Ability.REPORT: "only quotas and attestations have an audit mode (reference/policy.md)",
        }
    )

    def open(self, home: Path, world: World, *, cooldown: bool) -> Running:
        """See `Gate.open`."""
        port = free_port()
        self._configure(home, world, f"min_release_age_secs = {AGE_DAYS * 86_400}" if cooldown else "")
        place = ("--host", "127.0.0.1", "--port", port)
        return self.run(home, port, (self.program(), "serve", *_peryx_storage(home), *place))

    def preview(self, running: Running, home: Path, world: World, denied: str) -> str:
        """See `Gate.preview`."""
        running.stop()
        self._configure(home, world, f'block_resources = ["{denied}"]')
        return succeed(self.program(), "policy", "dry-run", *_peryx_storage(home), cwd=home)

    def _configure(self, home: Path, world: World, policy: str) -> None:
        files = f"http://{world.upstream.hosts[1]}/"
        source = f'[[index.upstream]]\nname = "other"\nurl = "{world.upstream.url}"\nartifact_url = "{files}"\n'
        index = '[[index]]\nname = "main"\nroute = "main"\n'
        (home / "peryx.toml").write_text(f"{index}{source}[index.policy]\n{policy}\n")


def _peryx_storage(home: Path) -> tuple[object, ...]:
    return "--config", home / "peryx.toml", "--data-dir", home / "data"


ALL: tuple[Gate, ...] = (WheelyardGate(), PypironGate(), PeryxGate())
