"""What the bench asks of a server: to be installed, to be given wheels, to run."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import metadata
from pathlib import Path

from bench import machine, places
from bench.data import Tree
from bench.web import Client, basic
from clients.environments import environment
from cluster.processes import Program, Supervisor
from cluster.versitygw import free_port

USER, PASSWORD = "bench", "benchbenchbench"
COMPARED = frozenset({"pages", "files", "uploads", "starts", "memory", "installs", "visible"})
"""What servers are compared by."""


class NotOffered(Exception):  # noqa: N818 - it is an answer, no error
    """The server has no such thing; the message says so."""


@dataclass
class Running:
    """A running server, and the programs that it needs."""

    server: "Server"
    url: str
    supervisor: Supervisor
    programs: tuple[str, ...]
    """Whose processor time and memory are the server's."""
    aids: tuple[str, ...] = ()
    """Other programs that it needs: an S3 server, an upstream."""
    reading: Mapping[str, str] = field(default_factory=dict)
    """Headers of every reader."""
    s3_log: Path | None = None
    """A line for each request to S3, if there is one."""
    again: Callable[[Path], "Running"] | None = None
    """Starts one more on the same storage, in an empty folder; None: there can be only one."""

    gap: Path | None = None
    """The file with the longest gap of its ticker, see `bench.ticking`; None: it has no ticker."""

    @property
    def pids(self) -> list[int]:
        """Return the server's own processes."""
        return [pid for name in self.programs if (pid := self.supervisor.pid(name)) is not None]

    def page(self, project: str) -> str:
        """Return the path of a project's page."""
        return self.server.pages + (f"{project}/" if project else "")

    def index_url(self) -> str:
        """Return the index URL of installers, with a login in it if one is needed."""
        login = f"{self.server.reader}@" if self.reading else ""
        return self.url.replace("http://", f"http://{login}") + self.server.pages

    def client(self) -> Client:
        """Return a connection of a reader."""
        return Client(self.url, self.reading)

    def publisher(self) -> Client:
        """Return a connection of somebody who may upload."""
        return Client(self.url, {"Authorization": basic(*self.login)})

    @cached_property
    def login(self) -> tuple[str, str]:
        """Return what somebody who may upload shows."""
        return self.server.log_in(self)

    def usage(self) -> machine.Usage:
        """Return what the server has used so far."""
        return machine.usage(self.pids)

    def stop(self) -> None:
        """End it and all that it needs."""
        self.supervisor.stop(*self.programs)
        self.supervisor.stop(*self.aids)


class Server(ABC):
    """A product, with the settings that it is measured with."""

    name: str
    settings: str
    """In words, for the report."""
    pages = "/simple/"
    """Path of the root page; "": it has none."""
    ready = ""
    """Path that shows whether it works; "": a page of installers."""
    uploads: str | None = None
    """Path of the upload API; None: it takes none."""
    login = (USER, PASSWORD)
    reader = ""
    """`user:password` of a reader, where one needs a login."""
    upload_method = "POST"
    max_files: int | None = None
    """The most files of a project that it accepts within minutes; None: there is no such limit."""
    project_page = ""
    """Path of a project's page for people, with `{project}` and `{version}` in it; "": it has none."""
    search = ""
    """Path of a search by people, up to the words."""
    groups: frozenset[str] = COMPARED
    """Measures that it takes part in."""

    def log_in(self, running: Running) -> tuple[str, str]:  # noqa: ARG002 - some have to ask it
        """Return the name and the secret for uploads to a server that answers."""
        return self.login

    @property
    def caches(self) -> bool:
        """Return whether files come from elsewhere the first time."""
        return False

    @abstractmethod
    def install(self) -> str:
        """Install it if it is not there, and return its version; any error says why it cannot be had."""

    @abstractmethod
    def prepare(self, tree: Tree | None) -> None:
        """Make what it stores of a tree, or of nothing, which is kept; it may take minutes."""

    @abstractmethod
    def start(self, home: Path, tree: Tree | None) -> Running:
        """Start it with the wheels of a tree, only to be read, or empty; it may need a while to answer.

        `home` is an empty folder, on the disk that has the trees.
        """


class PyPIServer(Server):
    """A server from PyPI, with a lock file in `locks/`, in an environment of its own."""

    lock: str
    distribution: str

    @property
    def environment(self) -> Path:
        """Return its environment."""
        return environment(self.lock, places.LOCKS)

    def install(self) -> str:
        """See `Server.install`."""
        return version_in(self.environment, self.distribution)

    def program(self, name: str) -> str:
        """Return the path of one of its programs."""
        return str(self.environment / "bin" / name)


def version_in(environment: Path, distribution: str) -> str:
    """Return the version of a distribution in another environment."""
    folders = [str(each) for each in environment.glob("lib/python*/site-packages")]
    found = next(iter(metadata.distributions(name=distribution, path=folders)))
    return found.version


def program_name(server: Server) -> str:
    """Return the name under which a server runs and writes its log."""
    return re.sub(r"[^a-z0-9]+", "-", server.name.lower()).strip("-")


def start_program(server: Server, home: Path, command: tuple[str, ...], port: int, **environment: str) -> Running:
    """Start a server that is one program; it answers at `port`."""
    supervisor = Supervisor(home)
    program = Program(
        name=program_name(server),
        command=command,
        ready="",
        environment={"HOME": str(home), **environment},
    )
    supervisor.start(program)
    return Running(server, f"http://127.0.0.1:{port}", supervisor, (program.name,))


__all__ = [
    "NotOffered",
    "PyPIServer",
    "Running",
    "Server",
    "free_port",
    "program_name",
    "start_program",
    "version_in",
]
