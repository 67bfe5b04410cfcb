"""The words that people see of a refused file or name: real output of clients, also through real proxies.

docs/policy.md has a table with the words of each client; these tests compare it with the output.
"""

import json
import shutil
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
import pytest

from clients.command import Done, output, run
from clients.environments import UV, program
from clients.installers import INSTALLERS, installed, new_environment, pdm_sync, poetry_sync, uv_sync
from support.patience import HANG_SECONDS, wait_until
from support.real_proxies import nginx, traefik
from support.tls import Certificate, certify
from support.upstreams.mirroring import Index, index, mirror_settings
from support.upstreams.running import Upstream, upstream
from support.upstreams.stock import Stock

DOCUMENT = Path(__file__).parents[2] / "docs/policy.md"
POLICY = {
    "policy": {
        "cooldown": {"action": "Block", "age": "7d"},
        "deny": [{"packages": ["bad"], "reason": "use good instead"}],
    }
}
WHEEL = "{}-{}-py3-none-any.whl"
NEW = WHEEL.format("demo", "2.0")
WAITING = f"{NEW} was published at "
HINT = "policy.exceptions of the index packages/main"
SYNCS: dict[str, Callable[[Path], Done]] = {"uv_project": uv_sync, "poetry": poetry_sync, "pdm": pdm_sync}
CLIENTS = ("pip", "uv", "poetry", "pdm")


class World(NamedTuple):
    """An index whose `demo` 2.0 and `young` wait, and whose name `bad` is denied."""

    running: Index
    locks: Path
    """Folders with lock files of `demo` 2.0, from before."""
    waiting: str
    """Path of the file that waits."""
    denied: str
    """Path of a file of the denied name."""

    @property
    def url(self) -> str:
        return self.running.server.url

    def install(self, folder: Path, client: str, *requirements: str) -> Done:
        return INSTALLERS[client](folder, f"{self.url}/simple/", *requirements)


@pytest.fixture(scope="module")
def public() -> Iterator[Upstream]:
    with upstream("pypi", Stock()) as running:
        stock, yesterday = running.stock, datetime.now(UTC) - timedelta(days=1)
        for name, version in (("demo", "1.0"), ("demo", "2.0"), ("young", "1.0"), ("bad", "1.0")):
            stock.wheel(name, version)
        stock.change("demo", NEW, upload_time=yesterday)
        stock.change("young", WHEEL.format("young", "1.0"), upload_time=yesterday)
        yield running


@pytest.fixture(scope="module")
def world(public: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("index")
    policy = home / "policy.yaml"
    policy.write_text("policy: {cooldown: {action: 'Off'}, malware: {action: 'Off'}}")
    with index(home, mirror_settings(home, public) | {"policyFile": str(policy)}) as running:
        urls = (running.url("demo", NEW), running.url("bad", WHEEL.format("bad", "1.0")))
        made = World(running, home / "locks", *(url.removeprefix(running.server.url) for url in urls))
        for client in SYNCS:
            folder = made.locks / client
            folder.mkdir(parents=True)
            assert made.install(folder, client, "demo").returncode == 0
            assert installed(folder) == {"demo": "2.0"}
        policy.write_bytes(msgspec.yaml.encode(POLICY))
        wait_until(lambda: NEW not in running.files("demo"))
        yield made


def is_documented(words: str) -> bool:
    """Return whether the page has words of a client in its table."""
    return f"`{words.replace('`', chr(39))}`" in DOCUMENT.read_text()


@pytest.mark.parametrize("client", CLIENTS)
def test_without_a_pin_an_older_version_is_installed(world: World, tmp_path: Path, client: str) -> None:
    done = world.install(tmp_path, client, "demo")
    assert done.returncode == 0, output(done)
    assert installed(tmp_path) == {"demo": "1.0"}


PIN, RANGE, ONLY, DENIED = "demo==2.0", "demo>=2", "young", "bad"


@pytest.mark.parametrize(
    ("requirement", "client", "words"),
    [
        (PIN, "pip", "No matching distribution found for demo==2.0"),
        (PIN, "uv", "there is no version of demo==2.0"),
        (PIN, "poetry", "demo (2.0) which doesn't match any versions"),
        (PIN, "pdm", "Unable to find a resolution for demo"),
        (RANGE, "pip", "No matching distribution found for demo>=2"),
        (RANGE, "uv", "only demo==1.0 is available and you require demo>=2"),
        (RANGE, "poetry", "demo (>=2) which doesn't match any versions"),
        (RANGE, "pdm", "Unable to find a resolution for demo"),
        (ONLY, "pip", "(from versions: none)"),
        (ONLY, "uv", "there are no versions of young"),
        (ONLY, "poetry", "young (*) which doesn't match any versions"),
        (ONLY, "pdm", "Unable to find candidates for young"),
        (DENIED, "pip", "No matching distribution found for bad"),
        (DENIED, "uv", "returned a 403 Forbidden error"),
        (DENIED, "poetry", "Authorization error accessing"),
        (DENIED, "pdm", "Unable to find candidates for bad"),
    ],
)
def test_a_client_that_asks_for_no_file_says_so_in_its_own_words(
    world: World, tmp_path: Path, requirement: str, client: str, words: str
) -> None:
    done = world.install(tmp_path, client, requirement)
    assert done.returncode != 0
    assert words in output(done)
    assert is_documented(words)
    assert HINT not in output(done), "the client prints the sentence by now: the page can say so"


def test_pip_shows_the_sentence_of_a_denied_name_if_it_is_asked_to(world: World, tmp_path: Path) -> None:
    command = (program("pip"), "--python", new_environment(tmp_path), "install", "-vv", "bad")
    done = run(*command, cwd=tmp_path, variables={"PIP_INDEX_URL": f"{world.url}/simple/"})
    assert "bad is denied: use good instead" in output(done)


@pytest.mark.parametrize(
    ("client", "words"),
    [
        ("uv_project", ""),
        ("poetry", "Unable to find installation candidates for demo (2.0)"),
        ("pdm", "No candidate is found for `demo` that matches the environment or hashes"),
    ],
)
def test_a_lock_with_urls_shows_the_sentence_and_one_with_digests_does_not(
    world: World, tmp_path: Path, client: str, words: str
) -> None:
    for name in ("pyproject.toml", "uv.lock", "poetry.lock", "pdm.lock"):
        if (world.locks / client / name).exists():
            shutil.copy(world.locks / client / name, tmp_path / name)
    new_environment(tmp_path)
    done = SYNCS[client](tmp_path)
    assert done.returncode != 0
    assert (HINT in output(done)) == (not words)
    assert words in output(done)
    assert not words or is_documented(words)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_url_shows_the_sentence_in_all_clients_but_pdm(world: World, tmp_path: Path, client: str) -> None:
    done = world.install(tmp_path, client, f"demo @ {world.url}{world.waiting}")
    assert done.returncode != 0
    if client == "pdm":
        assert "Client error '403 Forbidden'" in output(done)
        return
    assert WAITING in output(done)
    assert HINT in output(done)


Proxy = Callable[[Path, str, Certificate | None], AbstractContextManager[str]]


def through_nginx(home: Path, url: str, certificate: Certificate | None) -> AbstractContextManager[str]:
    return nginx(home, f"location / {{ proxy_pass {url}; }}", certificate)


@pytest.mark.parametrize("has_http_2", [False, True], ids=["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize(("proxy", "keeps_phrases"), [(through_nginx, True), (traefik, False)])
def test_the_sentence_arrives_through_proxies(
    world: World, tmp_path: Path, proxy: Proxy, *, keeps_phrases: bool, has_http_2: bool
) -> None:
    """Traefik and HTTP/2 drop reason phrases: then uv shows the sentence, which it reads from the body."""
    certificate = certify(tmp_path, "127.0.0.1") if has_http_2 else None
    with proxy(tmp_path / "proxy", world.url, certificate) as url:
        trusted = {} if certificate is None else {"SSL_CERT_FILE": str(certificate.authority)}
        python = new_environment(tmp_path)
        wanted = f"demo @ {url}{world.waiting}"
        by_uv = run(UV, "pip", "install", "--python", python, wanted, cwd=tmp_path, variables=trusted)
        assert f"Server message: Forbidden, {WAITING}" in output(by_uv)
        assert ("(403 Forbidden)" in output(by_uv)) == (has_http_2 or not keeps_phrases)
        pip = (program("pip"), "--python", python, "install", wanted)
        trusted = {} if certificate is None else {"PIP_CERT": str(certificate.authority)}
        # pip itself speaks HTTP/1.1 only.
        assert (HINT in output(run(*pip, cwd=tmp_path, variables=trusted))) == keeps_phrases
        answer = ask(url, world.waiting, certificate)
        assert answer.type == "application/problem+json"
        assert answer.members["rule"] == "cooldown"


class Answer(NamedTuple):
    status: int
    reason: str
    type: str
    members: dict[str, Any]


def ask(url: str, path: str, certificate: Certificate | None = None, method: str = "GET") -> Answer:
    host = urlsplit(url).netloc
    if certificate is None:
        connection = HTTPConnection(host, timeout=HANG_SECONDS)
    else:
        context = ssl.create_default_context(cafile=certificate.authority)
        connection = HTTPSConnection(host, timeout=HANG_SECONDS, context=context)
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read()
    found = Answer(answer.status, answer.reason, answer.headers["Content-Type"], json.loads(body or b"{}"))
    connection.close()
    return found


BAD = "bad is denied: use good instead. Ask for an exception"


@pytest.mark.parametrize(
    ("path", "rule", "beginning"),
    [
        ("{waiting}", "cooldown", WAITING),
        ("{waiting}.metadata", "cooldown", WAITING),
        ("{waiting}.provenance", "cooldown", WAITING),
        ("/pypi/demo/2.0/json", "cooldown", WAITING),
        ("/pypi/young/json", "cooldown", "young-1.0-py3-none-any.whl was published at "),
        (f"/integrity/demo/2.0/{NEW}/provenance", "cooldown", WAITING),
        ("{denied}", "deny", "bad 1.0 is denied: use good instead"),
        ("{denied}.metadata", "deny", "bad 1.0 is denied"),
        ("{denied}.provenance", "deny", "bad 1.0 is denied"),
        ("/simple/bad/", "deny", BAD),
        ("/pypi/bad/json", "deny", BAD),
        ("/pypi/bad/1.0/json", "deny", BAD),
        ("/bad/json", "deny", BAD),
    ],
)
def test_every_surface_says_the_same_sentence_in_both_ways(
    world: World, path: str, rule: str, beginning: str
) -> None:
    answer = ask(world.url, path.format(waiting=world.waiting, denied=world.denied))
    assert (answer.status, answer.type) == (403, "application/problem+json")
    sentence = answer.members["detail"]
    assert sentence.startswith(beginning)
    assert sentence.endswith(f"Ask for an exception from {rule}: {HINT}")
    assert answer.reason == sentence
    assert sentence.isascii()
    assert len(sentence) <= 300
    assert answer.members["rule"] == rule
    assert ("until" in answer.members) == (rule == "cooldown")


def test_a_denied_name_that_was_never_asked_for_is_refused_without_asking_the_upstream(
    world: World, public: Upstream
) -> None:
    before = len(public.requests())
    for path in ("/simple/bad/", "/pypi/bad/json"):
        assert ask(world.url, path).status == 403
    assert public.requests()[before:] == []


def test_a_head_of_a_refused_file_has_the_phrase(world: World) -> None:
    answer = ask(world.url, world.waiting, method="HEAD")
    assert (answer.status, answer.reason.startswith(WAITING)) == (403, True)


def test_a_project_all_of_whose_files_wait_has_an_empty_page(world: World) -> None:
    assert world.running.files("young") == {}


def test_the_management_api_shows_a_refused_file_with_its_reason(world: World) -> None:
    answer = ask(world.url, "/api/v1/projects/demo")
    (reason,) = [each["unlisted"] for each in answer.members["files"] if each["filename"] == NEW]
    assert reason == ask(world.url, world.waiting).reason
