"""What all kinds of upstreams have in common: routes, logins, files."""

import base64
import secrets
from abc import ABC, abstractmethod
from typing import NamedTuple

from support.upstreams.messages import Answer, Host, Request, file_answer
from support.upstreams.pages import Link, encoded, html_page
from support.upstreams.stock import MadeFile, MadeProject, Stock


class Sidecar(NamedTuple):
    """A file at a path, or its `.metadata`: then that is the suffix."""

    project: MadeProject
    file: MadeFile
    suffix: str = ""


class Kind(ABC):
    """How an index answers."""

    name: str
    root: str
    """Path of its simple API."""
    host_of_files = Host.INDEX
    absent = 404
    """The status for what does not exist."""
    user = ""
    has_metadata = False
    """Whether wheels have their METADATA at `.metadata`."""
    has_hashes = True
    has_upload_times = False
    has_yanks = False
    html_type = "text/html"

    def __init__(self, stock: Stock) -> None:
        self.stock = stock
        self.password = f"token-{secrets.token_hex(4)}" if self.user else ""
        """The password that it accepts now. To change it is to let a token expire."""
        self._paths: dict[tuple[Host, str], Sidecar] = {}
        self._serial = -1

    def answer(self, request: Request) -> Answer:
        """Return the right answer to a request."""
        if not self.is_let_in(request):
            return Answer(401, b"Unauthorized", {"WWW-Authenticate": f'Basic realm="{self.name}"'})
        if request.host is Host.INDEX and request.path.startswith(self.root):
            name = request.path.removeprefix(self.root)
            if "/" not in name.removesuffix("/"):
                return self.simple(name, request)
        return self.below_files(request)

    def is_let_in(self, request: Request) -> bool:
        """Return whether the login is right, where one is needed."""
        if not self.user or request.host is Host.FILES:
            return True
        login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return request.header("Authorization") == f"Basic {login}"

    def simple(self, name: str, request: Request) -> Answer:
        """Return the list of projects, or a project's page."""
        if not name:
            return self.list_of_projects()
        project = self.stock.projects.get(name.removesuffix("/"))
        return self.page(project, request) if project else self.nothing(request)

    def list_of_projects(self) -> Answer:
        """Return the list of all projects, which no proxy needs."""
        names: list[Link] = [(f"{name}/", name, {}) for name in self.stock.projects]
        return Answer(200, html_page("Simple index", names), {"Content-Type": self.html_type})

    def nothing(self, request: Request) -> Answer:  # noqa: ARG002 - some kinds say more
        """Return the answer for what does not exist."""
        return Answer(self.absent, b"not here", {"Content-Type": "text/plain"})

    @abstractmethod
    def page(self, project: MadeProject, request: Request) -> Answer:
        """Return a project's page."""

    @abstractmethod
    def path(self, project: MadeProject, file: MadeFile) -> str:
        """Return the decoded path of a file on `host_of_files`."""

    def url(self, project: MadeProject, file: MadeFile, request: Request) -> str:
        """Return the absolute URL of a file."""
        return request.origins[self.host_of_files] + encoded(self.path(project, file))

    def below_files(self, request: Request) -> Answer:
        """Return a file or its metadata."""
        found = self.found(request.host, request.path)
        if found is None:
            return self.nothing(request)
        if found.suffix:
            return file_answer(found.file.metadata)
        return self.file(found.project, found.file, request)

    def file(self, project: MadeProject, file: MadeFile, request: Request) -> Answer:  # noqa: ARG002 - some redirect
        """Return a file."""
        return file_answer(file.body)

    def found(self, host: Host, path: str) -> Sidecar | None:
        """Return what a path stands for."""
        if self._serial != self.stock.serial:
            self._paths, self._serial = self._all_paths(), self.stock.serial
        return self._paths.get((host, path))

    def _all_paths(self) -> dict[tuple[Host, str], Sidecar]:
        paths: dict[tuple[Host, str], Sidecar] = {}
        for project, file in self.stock:
            place = (self.host_of_files, self.path(project, file))
            paths[place] = Sidecar(project, file)
            if self.has_metadata and file.metadata:
                paths[place[0], f"{place[1]}.metadata"] = Sidecar(project, file, ".metadata")
        return paths
