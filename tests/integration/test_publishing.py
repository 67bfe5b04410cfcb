"""Every client publishes: once, again, something else, without the right.

`docs/clients.md` has the observations. All share one server, where the projects of all clients
are published as version 1.0.
"""

import json
import shutil
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clients.command import output
from clients.matrix import with_clients
from clients.publishers import PUBLISHERS, Publisher, files
from support.access import OWNER, PUBLISHER, READER
from support.command_line import wheelyard
from support.server import Server, running

OTHER_TEXT = "answer = 43"
Build = Callable[..., Path]
every_client = pytest.mark.parametrize("client", PUBLISHERS.values(), ids=PUBLISHERS.keys(), indirect=True)
clients = with_clients("client", PUBLISHERS, indirect=True)


def only(*names: str) -> pytest.MarkDecorator:
    """Return a parametrization with these clients, which have something of their own, in every run."""
    return pytest.mark.parametrize("client", [PUBLISHERS[name] for name in names], ids=names, indirect=True)


def those_that_can(*names: str) -> pytest.MarkDecorator:
    """Return a parametrization with the clients that can do what the test wants."""
    return with_clients("client", PUBLISHERS, names, indirect=True)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run one server for all tests of this file."""
    home = tmp_path_factory.mktemp("index")
    with running(home / "server", {"folder": {"path": str(home / "data")}}) as server:
        yield server


@pytest.fixture(scope="module")
def client(request: pytest.FixtureRequest, index: Server, built: Build) -> Publisher:
    """Return a client that has published version 1.0 of its project."""
    publisher: Publisher = request.param
    done = publisher.publish(built(publisher), f"{index.url}/legacy/", PUBLISHER)
    assert done.returncode == 0, output(done)
    return publisher


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Build a client's project; each is built once."""
    folder = tmp_path_factory.mktemp("built")

    def build(client: Publisher, text: str = "answer = 42", version: str = "1.0") -> Path:
        home = folder / version / text
        home.mkdir(parents=True, exist_ok=True)
        project = home / client.name
        return project if project.exists() else client.build(home, text=text, version=version)

    return build


@pytest.fixture
def uploads(index: Server) -> Callable[[], list[int]]:
    """Return how the uploads since the start of the test were answered."""
    before = len(index.statuses("POST /"))
    return lambda: index.statuses("POST /")[before:]


Uploads = Callable[[], list[int]]


def listed(server: Server, client: Publisher) -> dict[str, str]:
    """Return the files of the client's project with their digests."""
    headers = {"Accept": "application/vnd.pypi.simple.v1+json"}
    request = urllib.request.Request(f"{server.url}/simple/open-{client.name}/", headers=headers)
    with urllib.request.urlopen(request) as answer:
        return {file["filename"]: file["hashes"]["sha256"] for file in json.load(answer)["files"]}


@every_client
def test_what_was_published_is_there_and_again_is_a_success(
    index: Server, built: Build, client: Publisher, uploads: Uploads
) -> None:
    first = listed(index, client)
    assert set(first) == {path.name for path in files(built(client))}
    assert len(first) == 2
    done = client.publish(built(client), f"{index.url}/legacy/", PUBLISHER)
    assert done.returncode == 0, output(done)
    assert listed(index, client) == first
    # hatch has looked and sends nothing; for the others the same bytes are a success.
    assert uploads() == ([] if client.name == "hatch" else [200, 200])


@those_that_can("twine", "uv", "poetry", "pdm", "flit")
def test_other_content_is_refused_in_words_that_its_author_sees(
    index: Server, built: Build, client: Publisher, uploads: Uploads
) -> None:
    first = listed(index, client)
    refused = client.publish(built(client, OTHER_TEXT), f"{index.url}/legacy/", PUBLISHER)
    assert refused.returncode != 0
    assert "File already exists with other content, raise the version" in output(refused)
    assert uploads() == [409]
    assert listed(index, client) == first


@only("hatch")
def test_hatch_finds_out_by_name_alone_what_exists(index: Server, built: Build, client: Publisher) -> None:
    first, look_up = listed(index, client), "GET /legacy/+simple/open-hatch/"
    before = len(index.statuses(look_up))
    again = client.publish(built(client, OTHER_TEXT), f"{index.url}/legacy/", PUBLISHER)
    assert again.returncode == 0
    assert output(again).count("already exists") == 2
    assert index.statuses(look_up)[before:] == [200]
    assert listed(index, client) == first


@only("poetry", "pdm")
def test_skip_existing_goes_on_after_a_file_that_exists(
    index: Server, built: Build, client: Publisher, uploads: Uploads
) -> None:
    first = listed(index, client)
    project = built(client, OTHER_TEXT)
    skipped = client.publish(project, f"{index.url}/legacy/", PUBLISHER, "--skip-existing")
    assert skipped.returncode == 0, output(skipped)
    assert uploads() == [409, 409]
    assert listed(index, client) == first


@only("twine")
def test_twine_offers_skip_existing_for_pypi_only(
    index: Server, built: Build, client: Publisher, uploads: Uploads
) -> None:
    refused = client.publish(built(client), f"{index.url}/legacy/", PUBLISHER, "--skip-existing")
    assert refused.returncode != 0
    assert "UnsupportedConfiguration" in output(refused)
    assert uploads() == []


@only("uv")
def test_uv_compares_with_its_check_url_first(
    index: Server, built: Build, client: Publisher, uploads: Uploads
) -> None:
    url, check = f"{index.url}/legacy/", ("--check-url", f"{index.url}/simple/")
    same = client.publish(built(client), url, PUBLISHER, *check)
    assert same.returncode == 0, output(same)
    assert output(same).count("already exists, skipping") == 2
    other = client.publish(built(client, OTHER_TEXT), url, PUBLISHER, *check)
    assert other.returncode != 0
    assert "Local file and index file do not match" in output(other)
    assert uploads() == []


@clients
def test_a_wrong_token_is_401_and_a_missing_right_403(
    index: Server, built: Build, client: Publisher, uploads: Uploads
) -> None:
    project = built(client, version="2.0")
    reasons = {"wy_wrong": "Not a valid token", READER: "has no permission to publish"}
    for token, reason in reasons.items():
        refused = client.publish(project, f"{index.url}/legacy/", token)
        assert refused.returncode != 0
        assert reason in output(refused)
    assert uploads() == [401, 403]


@those_that_can("twine", "uv", "poetry", "pdm", "hatch")
def test_a_wheel_that_is_not_what_its_record_says_is_refused_with_the_reason(
    index: Server, built: Build, client: Publisher, uploads: Uploads, tmp_path: Path
) -> None:
    """Not flit, which publishes only what it has just built."""
    project, wheel = with_wheel_alone(built(client, version="2.0"), tmp_path / client.name)
    with zipfile.ZipFile(wheel) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content + b"# changed\n" if name.endswith(".py") else content)
    refused = client.publish(project, f"{index.url}/legacy/", PUBLISHER)
    assert refused.returncode != 0
    assert "differs from RECORD" in output(refused)
    assert uploads() == [400]


@those_that_can("twine", "uv", "poetry", "pdm", "hatch")
def test_a_wheel_with_more_than_its_record_is_taken_and_marked(
    index: Server, built: Build, client: Publisher, uploads: Uploads, tmp_path: Path
) -> None:
    project, wheel = with_wheel_alone(built(client, version="4.0"), tmp_path / client.name)
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("added.py", "")
    done = client.publish(project, f"{index.url}/legacy/", PUBLISHER)
    assert done.returncode == 0, output(done)
    assert uploads() == [200]
    with urllib.request.urlopen(f"{index.url}/simple/open-{client.name}/") as page:
        assert "record-missing-row: &#39;added.py&#39; is in the wheel" in page.read().decode()


def with_wheel_alone(built: Path, folder: Path) -> tuple[Path, Path]:
    """Copy a built project without its sdist; return the copy and its wheel."""
    project = shutil.copytree(built, folder)
    sdist, wheel = sorted(files(project), key=lambda path: path.suffix == ".whl")
    sdist.unlink()
    return project, wheel


@clients
def test_an_archived_project_refuses_uploads_with_the_reason(
    index: Server, built: Build, client: Publisher, uploads: Uploads
) -> None:
    def set_status(status: str) -> None:
        arguments = ("status", f"open-{client.name}", status, "--index-url", f"{index.url_of(OWNER)}/simple/")
        assert wheelyard(*arguments).returncode == 0

    set_status("archived")
    refused = client.publish(built(client, version="2.0"), f"{index.url}/legacy/", PUBLISHER)
    set_status("active")
    assert refused.returncode != 0
    assert "archived" in output(refused)
    assert uploads() == [403]


@those_that_can("twine", "uv", "hatch")
@pytest.mark.parametrize("path", ["", "/simple/", "/pypi", "/legacy"])
def test_the_upload_urls_of_other_indexes_keep_working(
    index: Server, built: Build, client: Publisher, path: str
) -> None:
    version = f"3.{len(path)}"
    done = client.publish(built(client, version=version), f"{index.url}{path}", PUBLISHER)
    assert done.returncode == 0, output(done)
    assert {name for name in listed(index, client) if version in name} == {
        each.name for each in files(built(client, version=version))
    }
