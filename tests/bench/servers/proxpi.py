"""proxpi: a caching proxy; https://github.com/EpicWink/proxpi. Its upstream here is our nginx."""

from dataclasses import replace
from pathlib import Path

from bench.data import Tree
from bench.servers.base import PyPIServer, Running, free_port, start_program
from bench.servers.nginx import Nginx


class Proxpi(PyPIServer):
    """One process with threads, as its documents want it, since its cache is the process's own."""

    name = "proxpi"
    settings = "gunicorn with 1 process and 4 threads; caches of a day; upstream: the nginx of this bench"
    lock, distribution = "proxpi", "proxpi"
    pages = "/index/"

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
        port = free_port()
        command = (self.program("gunicorn"), "--bind", f"127.0.0.1:{port}", "--threads", "4", "--keep-alive", "60")
        running = start_program(
            self,
            home,
            (*command, "--timeout", "300", "proxpi.server:app"),
            port,
            PROXPI_INDEX_URL=f"{upstream.url}/simple/",
            PROXPI_INDEX_TTL="86400",
            PROXPI_CACHE_DIR=str(home / "cache"),
            PROXPI_DOWNLOAD_TIMEOUT="60",
            PROXPI_LOGGING_LEVEL="WARNING",
        )
        return replace(running, aids=upstream.programs)
