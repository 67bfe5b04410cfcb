"""A real bandersnatch mirrors an index, and pip installs from the mirror."""

import asyncio
import hashlib
import json
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import aiohttp
import pytest

from clients import installers
from clients.command import output, run
from clients.environments import program
from support import distributions
from support.access import OWNER, PUBLISHER
from support.http import auth, form
from support.patience import HANG_SECONDS
from support.server import Server, StartServer
from support.tls import tls

CONFIGURATION = """\
[mirror]
directory = {directory}
master = {url}
api-method = {api}
allow-non-https = true
json = true
timeout = 120
workers = 2
hash-index = false
stop-on-error = true
verifiers = 1
"""


def publish(server: Server, *paths: Path) -> None:
    async def send() -> None:
        async with aiohttp.ClientSession(headers=auth(PUBLISHER)) as session:
            for path in paths:
                answer = await session.post(f"{server.url}/legacy/", data=form(path))
                assert answer.status == 200, await answer.text()

    asyncio.run(send())


def manage(server: Server, method: str, path: str, body: object = None) -> None:
    url, headers = f"{server.url}/api/v1/projects/{path}", {"Content-Type": "application/json", **auth(OWNER)}
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers, method=method)
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200


@dataclass(frozen=True)
class Mirror:
    """A mirror in a folder. Each run asks another replica."""

    home: Path
    replicas: tuple[Server, ...]
    api: str

    def configured(self, url: str) -> Path:
        configuration = self.home / "bandersnatch.conf"
        configuration.write_text(CONFIGURATION.format(directory=self.home / "mirror", url=url, api=self.api))
        return configuration

    def synchronize(self, replica: int = 0) -> None:
        configuration = self.configured(self.replicas[replica].url)
        done = run(program("bandersnatch"), "--config", configuration, "mirror", cwd=self.home)
        assert done.returncode == 0, output(done)
        assert "Error" not in output(done), output(done)

    def follow(self, files: Mapping[str, str]) -> None:
        """Run every second until it has these files. By the simple API a change is listed within ten seconds."""
        deadline = time.monotonic() + HANG_SECONDS
        while self.digests != files and time.monotonic() < deadline:
            time.sleep(1)
            self.synchronize()
        assert self.digests == files

    @property
    def web(self) -> Path:
        return self.home / "mirror/web"

    @property
    def serial(self) -> int:
        return int((self.home / "mirror/status").read_text())

    @property
    def digests(self) -> dict[str, str]:
        """Return the files that it has, with their digests."""
        files = (each for each in self.web.glob("packages/**/*") if each.is_file())
        return {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in files}

    def page(self, project: str) -> dict[str, dict[str, object]]:
        """Return the files on the page of a project."""
        described = json.loads((self.web / f"simple/{project}/index.v1_json").read_text())
        return {each["filename"]: each for each in described["files"]}


@pytest.fixture(params=["xmlrpc", "simple"])
def mirror(request: pytest.FixtureRequest, start_server: StartServer, tmp_path: Path) -> Mirror:
    """Return an empty mirror of an index with two replicas on S3."""
    home = tmp_path / "bandersnatch"
    home.mkdir()
    return Mirror(home, (start_server("s3"), start_server("s3")), request.param)


@pytest.fixture
def mirrored_url(mirror: Mirror) -> Iterator[str]:
    """Serve what the mirror has."""
    handler = partial(SimpleHTTPRequestHandler, directory=mirror.web)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/simple/"
        server.shutdown()
        thread.join()


def test_a_mirror_has_what_the_index_has_after_each_run(mirror: Mirror, mirrored_url: str, tmp_path: Path) -> None:
    one, other = mirror.replicas
    first = [
        distributions.wheel(tmp_path, "demo"),
        distributions.sdist(tmp_path),
        distributions.wheel(tmp_path, "open_a"),
    ]
    hidden = distributions.wheel(tmp_path, "secret_a")
    publish(one, *first, hidden)
    expected = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in first}
    mirror.synchronize()
    assert mirror.digests == expected
    serial = mirror.serial
    assert serial > 0
    # At once, on the other replica: to an old project, to a new one, and a yank.
    later = [distributions.wheel(tmp_path, "demo", "2.0"), distributions.wheel(tmp_path, "open_b")]
    publish(other, *later)
    manage(other, "PUT", "open-a/versions/1.0/yank", {"reason": "broken"})
    expected |= {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in later}
    mirror.follow(expected)
    assert mirror.page("open-a")["open_a-1.0-py3-none-any.whl"]["yanked"]
    assert mirror.serial >= serial
    mirror.synchronize(replica=1)
    assert mirror.digests == expected
    installed = tmp_path / "installed"
    installed.mkdir()
    done = installers.pip(installed, mirrored_url, "demo", "open-b")
    assert done.returncode == 0, output(done)
    assert installers.installed(installed) == {"demo": "2.0", "open-b": "1.0"}


def test_verify_removes_deleted_files_from_a_mirror(mirror: Mirror, tmp_path: Path) -> None:
    kept, deleted = distributions.wheel(tmp_path, "demo", "2.0"), distributions.wheel(tmp_path, "demo")
    publish(mirror.replicas[0], kept, deleted)
    mirror.synchronize()
    assert set(mirror.digests) == {kept.name, deleted.name}
    manage(mirror.replicas[0], "DELETE", f"demo/files/{deleted.name}")
    # It takes no URL without TLS, whatever its configuration says.
    with tls(mirror.replicas[0].url, tmp_path) as secure:
        configuration = mirror.configured(secure.url)
        verify = (program("bandersnatch"), "--config", configuration, "verify", "--json-update", "--delete")
        done = run(*verify, cwd=mirror.home, variables={"SSL_CERT_FILE": str(secure.certificate)})
    assert done.returncode == 0, output(done)
    assert mirror.digests == {kept.name: hashlib.sha256(kept.read_bytes()).hexdigest()}
