"""Private and public packages through one URL: the real server, with an upstream that the tests made."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest

from clients.command import output, run
from clients.environments import UV
from clients.installers import INSTALLERS, Install, installed
from cluster.versitygw import free_port
from support import distributions
from support.access import OWNER, PUBLISHER
from support.command_line import wheelyard
from support.fetching import Fetched, fetch
from support.patience import wait_until
from support.upstreams.faults import Fault
from support.upstreams.mirroring import Index, index, mirror_settings
from support.upstreams.running import Upstream, upstream
from support.upstreams.stock import APP, NEEDED
from wheelyard_operator.provision.server_probe import ServerProbe
from wheelyard_server.web.http.cache_status import HIT

PRIVATE = "acme-app"
WHEEL = "public_needed-1.0-py3-none-any.whl"
pip_and_uv = pytest.mark.parametrize("install", [INSTALLERS["pip"], INSTALLERS["uv"]], ids=["pip", "uv"])


@pytest.fixture
def public() -> Iterator[Upstream]:
    """Run an upstream with the shape of PyPI; tests may stop it."""
    with upstream("pypi") as running:
        yield running


@pytest.fixture
def mirroring(tmp_path: Path, public: Upstream) -> Iterator[Index]:
    """Run an index with that upstream and a package of its own, which needs a public one."""
    with index(tmp_path, mirror_settings(tmp_path, public, private=["acme-*"])) as running:
        publish(running, tmp_path, "acme_app", f"Requires-Dist: {APP}\nRequires-Python: >=3.9\n")
        yield running


def publish(running: Index, folder: Path, name: str, extra: str = "") -> None:
    done = upload(running, distributions.wheel(folder, name, extra=extra))
    assert done.returncode == 0, output(done)


def upload(running: Index, wheel: Path) -> "subprocess.CompletedProcess[str]":
    variables = {"UV_PUBLISH_URL": f"{running.server.url}/legacy/", "UV_PUBLISH_TOKEN": PUBLISHER}
    return run(UV, "publish", wheel, cwd=wheel.parent, variables=variables)


def out_of_order(public: Upstream) -> None:
    """Let the upstream refuse all connections from now on, and end those that there are."""
    public.stop()
    public.fail(Fault(closes=True))


def call(running: Index, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return wheelyard(*arguments, "--index-url", f"{running.server.url_of(OWNER)}/simple/")


@pip_and_uv
def test_private_and_public_packages_come_from_one_url(
    mirroring: Index, public: Upstream, install: Install, tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    done = install(folder, f"{mirroring.server.url}/simple/", PRIVATE)
    assert done.returncode == 0, output(done)
    assert installed(folder) == {PRIVATE: "1.0", APP: "1.0", NEEDED: "1.0"}
    assert not [line for line in public.requests() if "acme" in line]


@pip_and_uv
def test_installs_go_on_while_the_upstream_is_down(
    mirroring: Index, public: Upstream, install: Install, tmp_path: Path
) -> None:
    """U12: what was installed once can be installed again."""
    for folder in (tmp_path / "before", tmp_path / "outage"):
        folder.mkdir()
    done = install(tmp_path / "before", f"{mirroring.server.url}/simple/", PRIVATE)
    assert done.returncode == 0, output(done)
    out_of_order(public)
    done = install(tmp_path / "outage", f"{mirroring.server.url}/simple/", "--no-cache-dir", PRIVATE)
    assert done.returncode == 0, output(done)
    assert installed(tmp_path / "outage") == installed(tmp_path / "before")


def test_an_upstream_that_is_down_is_never_an_absence(mirroring: Index, public: Upstream) -> None:
    """T2 and T8: 503 with Retry-After for an unknown name, without a body that parses as a page."""
    out_of_order(public)
    answer = mirroring.page(APP)
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert not {"files", "name"} & answer.json().keys()
    assert "pypi" in answer.json()["detail"]
    assert mirroring.page("acme-nothing").status == 404


def test_the_url_in_a_lock_file_works_before_its_page_was_read(
    mirroring: Index, public: Upstream, tmp_path: Path
) -> None:
    """T42."""
    path = urlsplit(mirroring.url(NEEDED, WHEEL)).path
    other = tmp_path / "other"
    other.mkdir()
    with index(other, mirror_settings(other, public)) as fresh:
        answer = fetch(f"{fresh.server.url}{path}")
        assert (answer.status, answer.body) == (200, public.stock.project(NEEDED).file(WHEEL).body)
        assert fetch(f"{fresh.server.url}{path}.metadata").status == 200


def test_a_plus_in_a_path_is_one_file_however_it_is_spelled(mirroring: Index) -> None:
    """T18."""
    (url,) = (mirroring.url("public-tensor", filename) for filename in mirroring.files("public-tensor"))
    assert "%2B" in url
    answers = [fetch(each) for each in (url, url.replace("%2B", "+"), url.replace("%2B", "%2b"))]
    assert [each.status for each in answers] == [200] * 3
    assert len({each.body for each in answers}) == 1


def test_a_path_that_no_page_lists_is_not_fetched(mirroring: Index, public: Upstream) -> None:
    url = mirroring.url(NEEDED, WHEEL)
    before = len(public.requests())
    for other in (url.replace("/packages/", "/other/"), url.replace("-1.0-", "-9.0-"), f"{url}.asc"):
        assert fetch(other).status == 404
    assert not [line for line in public.requests()[before:] if "/simple/" not in line]


def test_a_file_can_be_revalidated_and_read_in_parts(mirroring: Index, public: Upstream) -> None:
    url, body = mirroring.url(NEEDED, WHEEL), public.stock.project(NEEDED).file(WHEEL).body
    whole = fetch(url)
    assert (whole.body, whole.headers["Cache-Control"]) == (body, "private, no-cache")
    assert fetch(url, If_None_Match=whole.headers["ETag"]).status == 304
    part = fetch(url, Range="bytes=-100")
    assert (part.status, part.body) == (206, body[-100:])
    asked = len(public.requests())
    assert fetch(url).body == body
    assert len(public.requests()) == asked


def test_publishing_a_name_of_the_upstream_is_refused_until_it_is_claimed(
    mirroring: Index, public: Upstream, tmp_path: Path
) -> None:
    """T25: one name, one owner."""
    url = mirroring.url(NEEDED, WHEEL)
    refused = upload(mirroring, distributions.wheel(tmp_path, "public_needed", "9.0"))
    assert "wheelyard claim public-needed" in output(refused)
    claimed = call(mirroring, "claim", NEEDED, "--yes", "--json")
    assert json.loads(claimed.stdout)["claimed"]["by"] == "team.owner"
    refusal = fetch(url)
    assert (refusal.status, "claimed" in refusal.json()["detail"]) == (403, True)
    assert upload(mirroring, distributions.wheel(tmp_path, "public_needed", "9.0")).returncode == 0
    assert list(mirroring.files(NEEDED)) == ["public_needed-9.0-py3-none-any.whl"]
    assert call(mirroring, "release", NEEDED).returncode == 1
    assert public.stock.project(NEEDED)


def test_projects_that_shadow_those_of_an_upstream_are_named(
    mirroring: Index, public: Upstream, tmp_path: Path
) -> None:
    publish(mirroring, tmp_path, "own_lib")
    public.stock.wheel("own-lib", "66.6")
    listed = json.loads(call(mirroring, "projects", "--shadowing", "--json").stdout)["projects"]
    assert listed == [{"name": "own-lib", "here": "1.0", "upstream": "pypi", "version": "66.6", "newer": True}]
    assert call(mirroring, "projects", "--shadowing").stdout == "own-lib  1.0  pypi  66.6  newer\n"
    assert not [line for line in public.requests() if "acme" in line]


def test_a_claimed_name_without_files_is_given_back(mirroring: Index) -> None:
    before = mirroring.files(NEEDED)
    claimed = call(mirroring, "claim", NEEDED, "--yes")
    assert re.search(r"^claimed: at \S+Z by \S+$", claimed.stdout, re.MULTILINE)
    assert mirroring.page(NEEDED).status == 404
    released = call(mirroring, "release", NEEDED, "--json")
    assert json.loads(released.stdout)["upstream"] == "pypi"
    assert mirroring.files(NEEDED) == before


def test_a_release_of_the_upstream_is_there_after_a_refresh(mirroring: Index, public: Upstream) -> None:
    mirroring.files(NEEDED)
    public.stock.wheel(NEEDED, "3.0")
    assert "public_needed-3.0-py3-none-any.whl" not in mirroring.files(NEEDED)
    refreshed = call(mirroring, "refresh", NEEDED, "--json")
    assert "3.0" in json.loads(refreshed.stdout)["versions"]
    assert "public_needed-3.0-py3-none-any.whl" in mirroring.files(NEEDED)
    again = call(mirroring, "refresh", NEEDED)
    assert again.returncode == 1
    assert re.search(r"Nothing was asked: .* Refresh it again in \d+ seconds$", again.stderr.strip())


def test_lists_have_mirrored_projects_only_if_they_are_asked_for(mirroring: Index) -> None:
    mirroring.files(NEEDED)
    listed = fetch(f"{mirroring.server.url}/simple/", Accept="application/vnd.pypi.simple.v1+json").json()
    assert [each["name"] for each in listed["projects"]] == [PRIVATE]
    assert call(mirroring, "projects").stdout.split()[0] == PRIVATE
    assert call(mirroring, "projects", "--upstream", "pypi").stdout.split()[:2] == [NEEDED, "1.0"]
    unknown = call(mirroring, "projects", "--upstream", "other")
    assert unknown.returncode == 1
    assert "no upstream of this name; its upstreams: pypi" in unknown.stderr


def test_answers_say_where_they_come_from(mirroring: Index) -> None:
    """RFC 9211. The second answer of each comes from the fast lane."""
    asked = 'Wheelyard; fwd=miss; detail="the upstream pypi"'
    assert [mirroring.page(NEEDED).headers["Cache-Status"] for _ in range(2)] == [asked, HIT]
    url = mirroring.url(NEEDED, WHEEL)
    assert fetch(url).headers["Cache-Status"] == asked
    wait_until(lambda: fetch(url).headers["Cache-Status"] == HIT)
    assert fetch(url, Range="bytes=0-9").headers["Cache-Status"] == HIT
    assert "Cache-Status" not in mirroring.page(PRIVATE).headers


@pytest.mark.parametrize("path", ["/pypi/{}/json", "/{}/json", "/pypi/{}/1.0/json"])
def test_the_json_api_describes_mirrored_projects(mirroring: Index, path: str) -> None:
    described = fetch(f"{mirroring.server.url}{path.format(NEEDED)}").json()
    assert described["info"]["version"] == "1.0"
    by_name = {each["filename"]: each for each in described["urls"]}
    wheel = by_name[WHEEL]
    assert (wheel["digests"], wheel["url"]) == (
        mirroring.files(NEEDED)[WHEEL]["hashes"],
        mirroring.url(NEEDED, WHEEL),
    )


def test_the_state_of_upstreams_is_shown_to_the_operator_and_to_prometheus(
    mirroring: Index, public: Upstream
) -> None:
    mirroring.files(NEEDED)
    (state,) = states(mirroring)
    assert (state["name"], state["reachable"], state["reason"], state["conflicts"]) == ("pypi", True, "", 0)
    out_of_order(public)
    assert mirroring.page(APP).status == 503
    (state,) = states(mirroring)
    assert (state["reachable"], bool(state["reason"])) == (False, True)
    metrics = fetch(f"{mirroring.server.metrics_url}/metrics").body.decode()
    assert 'wheelyard_upstream_up{upstream="pypi"} 0.0' in metrics
    assert 'wheelyard_upstream_requests_total{kind="page",result="done",upstream="pypi"} 1.0' in metrics
    assert 'wheelyard_upstream_requests_total{kind="page",result="unavailable",upstream="pypi"}' in metrics


def test_the_operator_reads_what_a_server_says_about_upstreams(mirroring: Index) -> None:
    port = urlsplit(mirroring.server.metrics_url).port
    found = ServerProbe(port or 0).ask_upstreams({"status": {"podIP": "127.0.0.1"}})
    assert found is not None
    ((name, is_reachable, since, reason, *counts),) = found.upstreams
    assert (name, is_reachable, since > 0, reason, counts, found.unkept) == ("pypi", True, True, "", [0, 0], 0)


def states(running: Index) -> list[dict[str, object]]:
    found: list[dict[str, object]] = fetch(f"{running.server.metrics_url}/upstreams").json()["upstreams"]
    return found


@pytest.mark.parametrize(
    "answer", [lambda each: each.page(NEEDED), lambda each: fetch(each.url(NEEDED, WHEEL))], ids=["page", "file"]
)
def test_nothing_is_redirected_to_the_upstream(mirroring: Index, answer: Callable[[Index], Fetched]) -> None:
    """T28."""
    found = answer(mirroring)
    assert (found.status, found.headers.get("Location")) == (200, None)


def answers(url: str) -> bool:
    try:
        return fetch(url).status == 200
    except OSError:
        return False


@contextmanager
def laptop(folder: Path, other: Upstream, variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Run `wheelyard serve` with an upstream and a private name; yield its URL and its instructions."""
    url, log = f"127.0.0.1:{free_port()}", folder / "log"
    options = ["--upstream", f"team={other.url}", "--private", "acme-*", "--storage", f"file:{folder}/data"]
    policy = folder / "policy.yaml"
    # devpi has no upload times, so its files would wait from the moment when they are first seen.
    policy.write_text("policy: {cooldown: {firstSight: {team: Settled}}}")
    options += ["--advisories", "none", "--policy", str(policy)]
    command = [sys.executable, "-m", "wheelyard_server", "serve", *options, "--listen", url]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, **variables}) as process,
    ):
        wait_until(lambda: answers(f"http://{url}/-/readyz"))
        yield f"http://{url}", log.read_text()
        process.terminate()


@pytest.mark.parametrize("kind", ["devpi", "gitlab"], ids=["without a login", "with one"])
def test_serve_on_a_laptop_needs_no_settings_file_for_an_upstream(tmp_path: Path, kind: str) -> None:
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    with upstream(kind) as other:
        login = {"USERNAME": other.kind.user, "PASSWORD": other.kind.password}
        variables = {f"WHEELYARD_UPSTREAM_TEAM_{name}": value for name, value in login.items()}
        with laptop(tmp_path, other, {**variables, "XDG_RUNTIME_DIR": str(runtime)}) as (url, instructions):
            check_laptop(url, instructions)
    assert ("The login of team is that in WHEELYARD_UPSTREAM_TEAM_PASSWORD." in instructions) == (kind == "gitlab")
    assert list(runtime.iterdir()) == []


def check_laptop(url: str, instructions: str) -> None:
    page = fetch(f"{url}/simple/{NEEDED}/", Accept="application/vnd.pypi.simple.v1+json").json()
    files = {each["filename"]: each["url"] for each in page["files"]}
    assert fetch(urljoin(f"{url}/simple/{NEEDED}/", files[WHEEL])).status == 200
    assert fetch(f"{url}/simple/acme-lib/").status == 404
    assert "Projects that are not published here come from team." in instructions
    assert "Private names, which no upstream is asked for: acme-*" in instructions
    assert "The rules for files are in " in instructions
