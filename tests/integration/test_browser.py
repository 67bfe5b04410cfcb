"""A page of another site in a real browser: it reads what `allowedOrigins` lets it, and nothing else."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.command import output, run
from clients.environments import UV
from cluster.versitygw import free_port
from support import distributions, pyodide
from support import server as real_server
from support.access import PUBLISHER, READER
from support.browser import Site, site
from support.http import auth
from support.server import Server

PAGE = """<!DOCTYPE html><script type="module">
const found = {};
for (const [name, url, options] of CASES) {
  try {
    const answer = await fetch(url, options);
    found[name] = [answer.status, answer.headers.get("content-type"), (await answer.arrayBuffer()).byteLength];
  } catch (error) { found[name] = String(error); }
}
await fetch("/result", {method: "POST", body: JSON.stringify(found)});
</script>"""
pytestmark = pytest.mark.browser
REFUSED = "TypeError: Failed to fetch"
JSON = "application/vnd.pypi.simple.v1+json"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture(scope="module")
def index(pages: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run an index whose cluster listener allows the site, and the external one no site at all."""
    home = tmp_path_factory.mktemp("index")
    names = ("cluster", "external", "metrics")
    listeners = {name: {"host": "127.0.0.1", "port": free_port()} for name in names}
    more = {"listeners": {**listeners, "cluster": {**listeners["cluster"], "allowedOrigins": [pages.origin]}}}
    server = real_server.start(home / "server", {"folder": {"path": str(home / "data")}}, more=more)
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def wheel(index: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = distributions.wheel(tmp_path_factory.mktemp("wheel"), module="answer = 42\n")
    variables = {"UV_PUBLISH_URL": f"{index.url}/legacy/", "UV_PUBLISH_TOKEN": PUBLISHER}
    done = run(UV, "publish", path, cwd=path.parent, variables=variables)
    assert done.returncode == 0, output(done)
    return path


def test_a_page_reads_what_its_site_may(index: Server, pages: Site, wheel: Path, tmp_path: Path) -> None:
    file = f"{index.url}/files/demo/{hashlib.sha256(wheel.read_bytes()).hexdigest()}/{wheel.name}"
    project = f"{index.url}/simple/demo/"
    cases: dict[str, tuple[str, dict[str, object]]] = {
        "page": (project, {}),
        "json": (project, {"headers": {"Accept": JSON}}),
        "redirect": (f"{index.url}/simple/Demo", {}),
        "JSON API": (f"{index.url}/pypi/demo/json", {}),
        "metadata": (f"{file}.metadata", {}),
        "file": (file, {}),
        "missing": (f"{index.url}/simple/open-none/", {}),
        "private": (f"{index.url}/simple/secret-x/", {}),
        "with cookies": (project, {"credentials": "include"}),
        "with a login": (project, {"headers": auth(READER)}),
        "with a header": (project, {"headers": {"X-Mine": "a"}}),
        "upload": (f"{index.url}/legacy/", {"method": "POST", "body": "a"}),
        "delete": (f"{index.url}/api/v1/projects/demo", {"method": "DELETE"}),
        "API": (f"{index.url}/api/v1/whoami", {}),
        "the other listener": (project.replace(index.url, index.external_url), {}),
    }
    listed = [[name, *case] for name, case in cases.items()]
    (pages.folder / "index.html").write_text(PAGE.replace("CASES", json.dumps(listed)))
    found = json.loads(pages.said("/", tmp_path / "profile"))
    statuses = {name: each if isinstance(each, str) else each[0] for name, each in found.items()}
    readable = dict.fromkeys(("page", "json", "redirect", "JSON API", "metadata", "file"), 200)
    assert statuses == {**dict.fromkeys(cases, REFUSED), **readable, "missing": 404, "private": 401}
    assert found["json"][1] == JSON
    assert found["file"][2] == wheel.stat().st_size


MICROPIP = """<!DOCTYPE html><script type="module">
import { loadPyodide } from "/pyodide/pyodide.mjs";
async function main() {
  const pyodide = await loadPyodide();
  pyodide.unpackArchive(await (await fetch("/micropip.zip")).arrayBuffer(), "zip", {extractDir: "/lib/micropip"});
  return await pyodide.runPythonAsync(PROGRAM);
}
let said;
try { said = String(await main()); } catch (error) { said = String(error); }
await fetch("/result", {method: "POST", body: said});
</script>"""
PROGRAM = """
import sys
sys.path.insert(0, "/lib/micropip")
import micropip
await micropip.install("demo", index_urls=["INDEX"])
import demo
demo.answer
"""


@pytest.mark.usefixtures("wheel")
def test_micropip_installs_by_the_json_api(index: Server, pages: Site, tmp_path: Path) -> None:
    # The files' URLs in pages of the simple API are relative, and micropip asks for them as they
    # are.
    program = PROGRAM.replace("INDEX", f"{index.url}/pypi/{{package_name}}/json")
    (pages.folder / "micropip.html").write_text(MICROPIP.replace("PROGRAM", json.dumps(program)))
    pyodide.put_into(pages.folder)
    said = pages.said("/micropip.html", tmp_path / "profile")
    assert said == "42", said
