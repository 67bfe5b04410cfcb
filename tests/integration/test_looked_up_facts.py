"""Licenses and publishers of a real upstream's files: looked up by the server, obeyed by real clients."""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest

from clients.command import output
from clients.installers import INSTALLERS, installed
from support import distributions
from support.attestations import GITHUB, attestation, certificate, statement
from support.fetching import fetch
from support.patience import wait_until
from support.upstreams.mirroring import Index, index, mirror_settings
from support.upstreams.pages import JSON
from support.upstreams.running import Upstream, upstream
from support.upstreams.stock import MadeFile, Stock

POLICY = """
policy:
  cooldown: {action: Off}
  licenses: {action: Block, deny: [AGPL-*], unknown: Block}
  provenance: {action: Block}
"""
HINT = "Ask for an exception from"


def made(folder: Path, name: str, version: str, license_: str, repository: str = "") -> MadeFile:
    """Return a wheel with a license, which the CI of a repository signed."""
    extra = f"License-Expression: {license_}\n"
    path = distributions.wheel(folder, name, version, extra=extra)
    body = path.read_bytes()
    signed = json.dumps({"version": 1, "attestation_bundles": []})
    if repository:
        extensions = {each: text.replace("acme/app", repository) for each, text in GITHUB.items()}
        signature = attestation(statement(path.name, sha256(body).hexdigest()), certificate(extensions))
        bundle = {"publisher": {"kind": "GitHub"}, "attestations": [signature]}
        signed = json.dumps({"version": 1, "attestation_bundles": [bundle]})
    metadata = distributions.metadata(name, version, extra).encode()
    return MadeFile(path.name, version, body, metadata, provenance=signed.encode())


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Index, Upstream]]:
    home = tmp_path_factory.mktemp("index")
    stock = Stock()
    stock.add("demo", made(home, "demo", "1.0", "MIT"), made(home, "demo", "2.0", "MIT AND AGPL-3.0-only"))
    signed = [("1.0", "acme/app"), ("2.0", "acme/app"), ("3.0", "evil/app"), ("4.0", "")]
    stock.add("signed", *(made(home, "signed", version, "MIT", repository) for version, repository in signed))
    policy = home / "policy.yaml"
    policy.write_text(POLICY)
    with (
        upstream("pypi", stock) as public,
        index(home, mirror_settings(home, public) | {"policyFile": str(policy)}) as made_index,
    ):
        yield made_index, public


@pytest.fixture
def running(both: tuple[Index, Upstream]) -> Index:
    return both[0]


@pytest.mark.parametrize(("project", "newest"), [("demo", "1.0"), ("signed", "2.0")])
@pytest.mark.parametrize("client", ["pip", "uv"])
def test_clients_install_the_newest_version_that_the_rules_permit(
    running: Index, tmp_path: Path, client: str, project: str, newest: str
) -> None:
    """The first page is short until the server has looked; it looks behind that page, without being asked again."""
    wait_until(lambda: any(f"-{newest}-" in name for name in running.files(project)))
    done = INSTALLERS[client](tmp_path, f"{running.server.url}/simple/", project)
    assert installed(tmp_path) == {project: newest}, output(done)


@pytest.mark.parametrize(
    ("project", "version", "words"),
    [
        ("demo", "2.0", "has the license MIT AND AGPL-3.0-only, which this index does not permit."),
        (
            "signed",
            "3.0",
            "is published by GitHub evil/app release.yml, but earlier files by GitHub acme/app release.yml.",
        ),
        (
            "signed",
            "4.0",
            "has no attested publisher, but earlier files are published by GitHub acme/app release.yml.",
        ),
    ],
)
def test_the_url_of_a_refused_file_says_what_was_found(
    both: tuple[Index, Upstream], project: str, version: str, words: str
) -> None:
    running, public = both
    listed = fetch(f"{public.url}{project}/", Accept=JSON).json()["files"]
    (url,) = (file["url"] for file in listed if f"-{version}-" in file["filename"])
    answer = fetch(f"{running.server.url}/mirror/pypi{urlsplit(urljoin(f'{public.url}{project}/', url)).path}")
    assert answer.status == 403
    detail = answer.json()["detail"]
    assert words in detail
    assert HINT in detail
