"""Other upstreams: an nginx that is a network away, as public indexes are, or that counts; and mirrors of them."""

import gzip
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

from bench.data import Tree
from bench.places import kept
from bench.servers.base import Running, free_port
from bench.servers.mirrors import Mirror, WheelyardMirror
from bench.servers.nginx import Nginx
from bench.servers.nginx import site as whole_site
from bench.servers.publishing import wait_until_answers
from cluster.processes import Program
from support.real_mirrors import BY_NAME

ROUND_TRIP_MILLISECONDS = 20
_METADATA_KEYS = ("core-metadata", "data-dist-info-metadata", "dist-info-metadata")
_METADATA_ATTRIBUTES = re.compile(rb' data-(?:core|dist-info)-metadata="[^"]*"')


class FarNginx(Nginx):
    """Nginx behind `bench.delay`."""

    name = "nginx-far"
    settings = f"{ROUND_TRIP_MILLISECONDS} ms away"
    groups = frozenset({"far-installs"})

    def start(self, home: Path, tree: Tree | None) -> Running:
        """See `Server.start`."""
        running, port = super().start(home, tree), free_port()
        target = running.url.rpartition(":")[2]
        command = (sys.executable, "-m", "bench.delay", str(port), target, str(ROUND_TRIP_MILLISECONDS))
        delay = Program(name="delay", command=command, ready=f"tcp:127.0.0.1:{port}")
        running.supervisor.start(delay)
        far = replace(running, url=f"http://127.0.0.1:{port}", aids=(delay.name,))
        # Pypiron remembers a project as absent if its upstream is not there yet.
        wait_until_answers(far, far.page(tree.projects()[0] if tree else ""))
        return far


class BareNginx(FarNginx):
    """The same without core metadata on its pages, as many products are."""

    name = "nginx-far-bare"
    settings = f"{ROUND_TRIP_MILLISECONDS} ms away, without core metadata"
    groups = frozenset({"bare-installs"})

    def site(self, tree: Tree) -> Path:
        """See `Nginx.site`."""
        return kept(f"{tree.name}-nginx-bare", lambda folder: _write_bare(whole_site(tree), folder))


class CountingNginx(Nginx):
    """An nginx that is not away, and whose downloads are counted."""

    name = "nginx-counting"
    settings = "each download is a line of its log"
    groups = frozenset({"herd"})
    logs_files = True


def _write_bare(site: Path, folder: Path) -> None:
    (folder / "files").symlink_to(site / "files")
    for page in (each for each in (site / "pages").iterdir() if each.is_dir()):
        target = folder / "pages" / page.name
        target.mkdir(parents=True)
        described = json.loads((page / "index.json").read_bytes())
        for file in described["files"]:
            for key in _METADATA_KEYS:
                file.pop(key, None)
        _write(target / "index.json", json.dumps(described).encode())
        _write(target / "index.html", _METADATA_ATTRIBUTES.sub(b"", (page / "index.html").read_bytes()))


def _write(path: Path, body: bytes) -> None:
    path.write_bytes(body)
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(body, 6, mtime=0))


def _mirrors(upstream: Nginx, suffix: str) -> tuple[Mirror | WheelyardMirror, ...]:
    """Return mirrors of an upstream, whose groups they take part in."""
    peers = tuple(Mirror(BY_NAME[name], upstream, suffix) for name in ("pypiron", "peryx"))
    settings = f"a folder, one process; upstream: {upstream.settings}"
    return (WheelyardMirror(f"wheelyard-{suffix}", settings, upstream=upstream, groups=upstream.groups), *peers)


ALL = (
    *(FarNginx(), *_mirrors(FarNginx(), "far")),
    *(BareNginx(), *_mirrors(BareNginx(), "bare")),
    *_mirrors(CountingNginx(), "counted"),
)
