"""pypiserver: a folder of files; https://github.com/pypiserver/pypiserver."""

from pathlib import Path

from bench.data import Tree
from bench.places import kept
from bench.servers.base import PyPIServer, Running, free_port, start_program

_WORKERS = "2"
_APPLICATION = (
    "pypiserver:app(roots=['{root}'], disable_fallback=True, overwrite=False, password_file='.', authenticate=[])"
)


class Pypiserver(PyPIServer):
    """What its README recommends for load: gunicorn in front, and the cache that watchdog keeps."""

    name = "pypiserver"
    settings = "gunicorn with 2 workers, cached-dir backend (watchdog), no fallback"
    lock, distribution = "pypiserver", "pypiserver"
    uploads = "/"

    def prepare(self, tree: Tree | None) -> None:
        """See `Server.prepare`."""
        if tree:
            flat(tree)

    def start(self, home: Path, tree: Tree | None) -> Running:
        """See `Server.start`."""
        root = flat(tree) if tree else home / "packages"
        root.mkdir(exist_ok=True)
        port = free_port()
        gunicorn = (self.program("gunicorn"), "--workers", _WORKERS, "--bind", f"127.0.0.1:{port}")
        more = ("--timeout", "300", "--keep-alive", "60", "--worker-class", "gthread", "--threads", "4")
        return start_program(self, home, (*gunicorn, *more, _APPLICATION.format(root=root)), port)


def flat(tree: Tree) -> Path:
    """Return a folder of all wheels of a tree."""
    return kept(f"{tree.name}-flat", lambda folder: _link(tree, folder))


def _link(tree: Tree, folder: Path) -> None:
    for project in tree.projects():
        for wheel in tree.files(project):
            (folder / wheel.name).hardlink_to(wheel)
