"""devpi-server; https://devpi.net."""

import json
import shutil
import subprocess
from pathlib import Path

from bench.data import Tree
from bench.places import kept
from bench.servers.base import PyPIServer, Running, free_port, start_program
from bench.servers.publishing import publish, wait_until_answers

_PASSWORD = "benchbenchbench"
_INDEX = "/root/bench"


class Devpi(PyPIServer):
    """One stage index without bases, so that it asks no other index."""

    name = "devpi"
    settings = "waitress with 50 threads, SQLite and files, one stage index without bases, core metadata on"
    lock, distribution = "devpi", "devpi-server"
    pages = f"{_INDEX}/+simple/"
    uploads = f"{_INDEX}/"
    max_files = 1_000
    """Each upload to a project takes longer than the one before: 1,100 took half an hour."""

    def prepare(self, tree: Tree | None) -> None:
        """See `Server.prepare`."""
        if tree:
            self._stored(tree)
        else:
            self._empty()

    def start(self, home: Path, tree: Tree | None) -> Running:
        """See `Server.start`. It writes into its folder, so it gets a copy, with links to the files."""
        folder = home / "server"
        stored = self._stored(tree) if tree else self._empty()
        shutil.copytree(stored, folder, copy_function=_copy_or_link)
        return self._start(home, folder)

    def _start(self, home: Path, folder: Path) -> Running:
        port = free_port()
        place = ("--serverdir", str(folder), "--host", "127.0.0.1", "--port", str(port), "--offline-mode")
        return start_program(self, home, (self.program("devpi-server"), *place, "--enable-core-metadata"), port)

    def _stored(self, tree: Tree) -> Path:
        def make(folder: Path) -> None:
            home = folder / "home"
            home.mkdir()
            running = self.start(home, None)
            try:
                wait_until_answers(running, "/+api")
                self.fill(running, tree)
            finally:
                running.stop()
            for each in (home / "server").iterdir():
                each.rename(folder / each.name)
            shutil.rmtree(home)

        empty = self._empty()
        return kept(f"{tree.name}-{self.lock}-{empty.name}", make)

    def fill(self, running: Running, tree: Tree) -> None:
        """Give an empty server the wheels of a tree."""
        publish(running, tree, workers=1)

    def _empty(self) -> Path:
        return kept(f"empty-{self.lock}-{self.install()}", self._make_empty)

    def _make_empty(self, folder: Path) -> None:
        server = folder / "server"
        command = (self.program("devpi-init"), "--serverdir", server, "--no-root-pypi", "--root-passwd", _PASSWORD)
        subprocess.run(command, check=True, capture_output=True)
        home = folder / "home"
        running = self._start(home, server)
        try:
            wait_until_answers(running, "/+api")
            self._make_index(running)
        finally:
            running.stop()
        shutil.rmtree(home)
        for each in server.iterdir():
            each.rename(folder / each.name)
        server.rmdir()

    def log_in(self, running: Running) -> tuple[str, str]:
        """Return a token of `devpi login`: with a password every upload would cost a slow hash."""
        with running.client() as client:
            login = json.dumps({"user": "root", "password": _PASSWORD}).encode()
            answer = client.send("POST", "/+login", login, Content_Type="application/json")
            return "root", json.loads(answer.body)["result"]["password"]

    def _make_index(self, running: Running) -> None:
        with running.publisher() as client:
            index = json.dumps({"type": "stage", "bases": [], "volatile": True}).encode()
            made = client.send("PUT", _INDEX, index, Content_Type="application/json")
            if made.status != 200:
                raise RuntimeError(f"devpi makes no index: {made.status} {made.body!r}")


def _copy_or_link(source: str, target: str) -> None:
    """Link what devpi never changes, the wheels, and copy the database."""
    if source.endswith(".whl"):
        Path(target).hardlink_to(source)
    else:
        shutil.copy2(source, target)
