"""pypiron, a Rust server; https://github.com/blackthorn-interstellar/pypiron."""

import shutil
from dataclasses import replace
from pathlib import Path

from bench.data import Tree
from bench.places import kept
from bench.servers import s3
from bench.servers.base import COMPARED, PASSWORD, USER, PyPIServer, Running, free_port, start_program
from bench.servers.publishing import publish, wait_until_answers


class Pypiron(PyPIServer):
    """Without upstream and advisory feed, which would ask others; download statistics as they are by default."""

    lock, distribution = "pypiron", "pypiron"
    uploads = "/legacy/"

    def __init__(self, *, on_s3: bool = False) -> None:
        self.on_s3 = on_s3
        self.name = "pypiron-s3" if on_s3 else "pypiron"
        self.settings = "on versitygw, downloads answered with redirects to presigned URLs" if on_s3 else "a folder"
        self.groups = frozenset({"installs", "visible", "costs"}) if on_s3 else COMPARED

    def prepare(self, tree: Tree | None) -> None:
        """See `Server.prepare`; on S3 it is filled at each start."""
        if tree and not self.on_s3:
            self._stored(tree)

    def start(self, home: Path, tree: Tree | None) -> Running:
        """See `Server.start`."""
        if self.on_s3:
            return self._start_on_s3(home, tree)
        folder = home / "data"
        if tree:
            shutil.copytree(self._stored(tree), folder, copy_function=_copy_or_link)
        return self._run(home, "--data-dir", str(folder))

    def _run(self, home: Path, *storage: str, **environment: str) -> Running:
        port = free_port()
        login = ("--uploader-user", USER, "--uploader-pass", PASSWORD)
        command = (self.program("pypiron"), "serve", "--bind-addr", f"127.0.0.1:{port}", *login)
        spool = home / "spool"
        spool.mkdir(parents=True, exist_ok=True)
        quiet = ("--advisory-feed", "", "--spool-dir", str(spool))
        return start_program(self, home, (*command, *quiet, *storage), port, **environment)

    def _stored(self, tree: Tree) -> Path:
        return kept(f"{tree.name}-pypiron-{self.install()}", lambda folder: self._fill(folder, tree))

    def _fill(self, folder: Path, tree: Tree) -> None:
        home = folder / "home"
        running = self._run(home, "--data-dir", str(home / "data"))
        try:
            _publish(running, tree)
        finally:
            running.stop()
        for each in (home / "data").iterdir():
            each.rename(folder / each.name)
        shutil.rmtree(home)

    def _start_on_s3(self, home: Path, tree: Tree | None) -> Running:
        beside = s3.start(home)
        beside.make_bucket("pypiron")
        running = replace(self._node(home, beside), again=lambda other: self._node(other, beside))
        if tree:
            _publish(running, tree)
        return running

    def _node(self, home: Path, beside: s3.Beside) -> Running:
        options = ("--buckets", "s3://pypiron", "--s3-endpoint-url", beside.endpoint, "--s3-force-path-style")
        running = self._run(home, *options, "--artifact-delivery", "redirect", **beside.environment)
        return replace(running, aids=beside.programs, s3_log=beside.log)


def _publish(running: Running, tree: Tree) -> None:
    wait_until_answers(running, "/health")
    publish(running, tree, workers=8)


def _copy_or_link(source: str, target: str) -> None:
    """Link wheels, which it never changes, and copy its own files."""
    if source.endswith(".whl"):
        Path(target).hardlink_to(source)
    else:
        shutil.copy2(source, target)
