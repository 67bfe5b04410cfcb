"""simple-repository-server of CERN; https://github.com/simple-repository/simple-repository-server."""

from pathlib import Path

from bench.data import Tree
from bench.servers.base import PyPIServer, Running, free_port, start_program


class SimpleRepository(PyPIServer):
    """A folder with a folder for each project; it takes no uploads."""

    name = "simple-repository-server"
    settings = "uvicorn as its command starts it, one local folder"
    lock, distribution = "simple-repository", "simple-repository-server"

    def prepare(self, tree: Tree | None) -> None:
        """See `Server.prepare`: it serves the tree itself."""

    def start(self, home: Path, tree: Tree | None) -> Running:
        """See `Server.start`."""
        root = tree.root if tree else home / "packages"
        root.mkdir(exist_ok=True)
        port = free_port()
        command = (self.program("simple-repository-server"), "--host", "127.0.0.1", "--port", str(port), str(root))
        return start_program(self, home, command, port)
