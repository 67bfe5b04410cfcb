"""Other products from PyPI as mirrors of an index, at pinned versions, as their documents configure them.

They are upstreams of an index in the tests, and its rivals in the bench.
"""

import base64
import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clients.environments import environment
from cluster.versitygw import free_port
from support.patience import HANG_SECONDS

_PASSWORD = "benchbenchbench"
LOCKS = Path(__file__).parents[1] / "bench/locks"


def _nothing(_url: str, _upstream: str) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Run:
    """How a product is started."""

    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Product:
    """A product that mirrors another index."""

    name: str
    lock: str
    distribution: str
    pages: str
    """Path of its simple API."""
    settings: str
    """In words, for the report of the bench."""
    configure: Callable[[Callable[[str], str], str, int, Path], Run]
    """Called with a function that finds its programs, the URL of the simple API that it mirrors, its port, and
    an empty folder."""
    finish: Callable[[str, str], None] = _nothing
    """Called with its URL and that of the simple API, once it answers."""

    @property
    def needs_finish(self) -> bool:
        """Return whether `finish` does something."""
        return self.finish is not _nothing

    @property
    def environment(self) -> Path:
        """Return the environment that it is installed in."""
        return environment(self.lock, LOCKS)

    def run(self, upstream: str, port: int, home: Path) -> Run:
        """Return how to start it as a mirror of a simple API."""
        return self.configure(lambda name: str(self.environment / "bin" / name), upstream, port, home)


Programs = Callable[[str], str]


def _proxpi(program: Programs, upstream: str, port: int, home: Path) -> Run:
    gunicorn = ("--bind", f"127.0.0.1:{port}", "--threads", "4", "--keep-alive", "60", "--timeout", "300")
    return Run(
        (program("gunicorn"), *gunicorn, "proxpi.server:app"),
        {
            "PROXPI_INDEX_URL": upstream,
            "PROXPI_INDEX_TTL": "86400",
            "PROXPI_CACHE_DIR": str(home / "cache"),
            "PROXPI_DOWNLOAD_TIMEOUT": "60",
            "PROXPI_LOGGING_LEVEL": "WARNING",
        },
    )


def _pypiron(program: Programs, upstream: str, port: int, home: Path) -> Run:
    (home / "spool").mkdir()
    # It wants the URL above `/simple/`. Its waiting time and its feed, which asks others, are off.
    root = upstream.removesuffix("/").removesuffix("/simple")
    storage = ("--data-dir", str(home / "data"), "--spool-dir", str(home / "spool"))
    mirror = ("--proxy-upstream", root, "--allow-insecure-upstream", "--proxy-allow-host", "127.0.0.1")
    off = ("--advisory-feed", "", "--exclude-newer", "", "--include-yanked")
    return Run((program("pypiron"), "serve", "--bind-addr", f"127.0.0.1:{port}", *storage, *mirror, *off))


def _simple_repository(program: Programs, upstream: str, port: int, home: Path) -> Run:  # noqa: ARG001
    options = ("--host", "127.0.0.1", "--port", str(port), "--stream-http-resources")
    return Run((program("simple-repository-server"), *options, upstream))


def _peryx(program: Programs, upstream: str, port: int, home: Path) -> Run:
    configuration = home / "peryx.toml"
    configuration.write_text(
        f'[[index]]\nname = "main"\nroute = "main"\n[[index.upstream]]\nname = "other"\nurl = "{upstream}"\n'
    )
    place = ("--host", "127.0.0.1", "--port", str(port), "--data-dir", str(home / "data"))
    return Run((program("peryx"), "serve", "--config", str(configuration), *place))


def _devpi(program: Programs, upstream: str, port: int, home: Path) -> Run:  # noqa: ARG001
    folder = home / "server"
    initial = (program("devpi-init"), "--serverdir", str(folder), "--no-root-pypi", "--root-passwd", _PASSWORD)
    subprocess.run(initial, check=True, capture_output=True)
    place = ("--serverdir", str(folder), "--host", "127.0.0.1", "--port", str(port))
    return Run((program("devpi-server"), *place, "--enable-core-metadata"))


def _make_devpi_index(url: str, upstream: str) -> None:
    """Make an index that mirrors; devpi takes its settings from its API alone."""
    login = _send(f"{url}/+login", "POST", {"user": "root", "password": _PASSWORD})
    token = f"root:{login['result']['password']}"
    settings = {
        "type": "mirror",
        "mirror_url": upstream,
        "mirror_no_project_list": True,
        "mirror_provides_core_metadata": True,
    }
    authorization = base64.b64encode(token.encode()).decode()
    _send(f"{url}/root/main", "PUT", settings, {"X-Devpi-Auth": authorization})


def _send(url: str, method: str, body: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Any:
    named = {"Content-Type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, json.dumps(body).encode(), named, method=method)
    with urllib.request.urlopen(request, timeout=HANG_SECONDS) as answer:
        return json.load(answer)


PRODUCTS = (
    Product("devpi", "devpi", "devpi-server", "/root/main/+simple/", "one mirror index", _devpi, _make_devpi_index),
    Product("proxpi", "proxpi", "proxpi", "/index/", "gunicorn with 1 process and 4 threads", _proxpi),
    Product("pypiron", "pypiron", "pypiron", "/simple/", "a folder, without waiting time and feed", _pypiron),
    Product("peryx", "peryx", "peryx", "/main/simple/", "one cached index", _peryx),
    Product(
        "simple-repository-server",
        "simple-repository",
        "simple-repository-server",
        "/simple/",
        "streams what it mirrors",
        _simple_repository,
    ),
)
BY_NAME = {product.name: product for product in PRODUCTS}


@contextmanager
def running(product: Product, upstream: str, home: Path) -> Iterator[str]:
    """Run a product as a mirror for as long as a block takes; give the URL of its simple API."""
    home.mkdir(parents=True, exist_ok=True)
    port = free_port()
    run, url = product.run(upstream, port, home), f"http://127.0.0.1:{port}"
    with (home / "log").open("w") as log:
        environment = {**os.environ, "HOME": str(home), **run.environment}
        process = subprocess.Popen(run.command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait(process, url, home / "log")
        product.finish(url, upstream)
        yield url + product.pages
    finally:
        process.terminate()
        process.wait(HANG_SECONDS)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + HANG_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            urllib.request.urlopen(url, timeout=HANG_SECONDS).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text())
