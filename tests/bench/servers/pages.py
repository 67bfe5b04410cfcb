"""Servers with pages for people: Wheelyard, pypiron, devpi with devpi-web, and simple-repository-browser."""

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import data, texts
from bench.data import Tree
from bench.places import kept
from bench.servers.base import PyPIServer, Running, Server, free_port, start_program
from bench.servers.devpi import Devpi
from bench.servers.publishing import publish, wait_until_answers
from bench.servers.pypiron import Pypiron
from bench.servers.wheelyard import Wheelyard
from wheelyard_server.model import FORMAT

GROUPS = frozenset({"people", "slow-readmes", "search"})


@dataclass(frozen=True)
class WheelyardPages(Wheelyard):
    """Wheelyard on a folder that its own upload API has filled, so that it knows all that pages show."""

    groups: frozenset[str] = GROUPS
    project_page: str = field(default="/project/{project}/", init=False)
    search: str = field(default="/projects/?q=", init=False)

    def folder(self, tree: Tree) -> Path:
        """See `Wheelyard.folder`."""
        if tree.name not in (texts.DESCRIBED, texts.SLOW_NAME):
            return super().folder(tree)
        return kept(f"{tree.name}-wheelyard-{FORMAT}", lambda folder: self._fill(folder, tree))

    def _fill(self, folder: Path, tree: Tree) -> None:
        home = folder / "home"
        home.mkdir()
        running = self.start(home, None)
        try:
            wait_until_answers(running, self.pages)
            publish(running, tree, workers=2)
        finally:
            running.stop()
        for each in (home / "storage").iterdir():
            each.rename(folder / each.name)
        shutil.rmtree(home)


class PypironPages(Pypiron):
    """Its pages have a README, and its search knows names."""

    project_page, search = "/project/{project}/", "/projects/?q="

    def __init__(self) -> None:
        super().__init__()
        self.name, self.settings, self.groups = "pypiron-pages", "a folder", GROUPS


class DevpiWeb(Devpi):
    """devpi-server with devpi-web and its search engine."""

    name = "devpi-web"
    settings = "as devpi, with devpi-web and whoosh"
    lock, distribution = "devpi-web", "devpi-web"
    project_page, search = "/root/bench/{project}/{version}", "/+search?query="
    groups = GROUPS

    def fill(self, running: Running, tree: Tree) -> None:
        """See `Devpi.fill`; what is only searched needs no files."""
        if tree.name != texts.SEARCHED_NAME:
            super().fill(running, tree)
            return
        with running.publisher() as client:
            for name, summary in texts.named(texts.SEARCHED):
                said = {":action": "submit", "metadata_version": "2.1", "name": name, "version": "1.0"}
                body = data.fields([*said.items(), ("summary", summary)]) + data.FORM_END
                answer = client.send("POST", self.uploads or "", body, Content_Type=data.FORM_TYPE)
                if answer.status >= 400:
                    raise RuntimeError(f"devpi refuses {name}: {answer.status} {answer.body[:300]!r}")


class Browser(PyPIServer):
    """simple-repository-browser over the Wheelyard of this working tree."""

    name = "simple-repository-browser"
    settings = "uvicorn as its command starts it, over a Wheelyard on a folder, which is not measured"
    lock, distribution = "simple-repository-browser", "simple-repository-browser"
    project_page, search = "/project/{project}", "/search?query="
    pages, ready = "", "/"
    groups = GROUPS

    def prepare(self, tree: Tree | None) -> None:
        """See `Server.prepare`."""
        _WHEELYARD.prepare(tree)

    def start(self, home: Path, tree: Tree | None) -> Running:
        """See `Server.start`."""
        index = _WHEELYARD.start(home, tree)
        wait_until_answers(index, index.page(""))
        port = free_port()
        place = ("--host", "127.0.0.1", "--port", str(port), "--cache-dir", str(home / "browser"))
        command = (self.program(self.lock), *place, "--no-popular-project-crawl", index.index_url())
        running = start_program(self, home, command, port)
        return replace(running, aids=index.programs)


_NO_LANE = {"performance": {"fastLane": False}}
_WHEELYARD = WheelyardPages("wheelyard-pages", "a folder, one process, anonymous readers")
ALL: tuple[Server, ...] = (
    _WHEELYARD,
    WheelyardPages("wheelyard-pages-aiohttp", "the same without the fast lane", changed=_NO_LANE),
    PypironPages(),
    DevpiWeb(),
    Browser(),
)
