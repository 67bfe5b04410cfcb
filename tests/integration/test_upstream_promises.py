"""What users of other mirrors reported as bugs, and does not happen here: on real sockets.

Tests share one index with one upstream like PyPI; each has a project of its own.
"""

import base64
import re
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import urljoin

import pytest

from clients.command import output, run
from clients.environments import UV
from support import distributions
from support.access import ACCESS, OWNER, PUBLISHER, READER
from support.command_line import wheelyard
from support.fetching import Fetched, fetch
from support.forward_proxy import forward_proxy
from support.patience import wait_until
from support.tls import certify
from support.upstreams.faults import redirects, refuses
from support.upstreams.messages import Host
from support.upstreams.mirroring import Mirrored, index, mirror_settings, mirrored, write_login
from support.upstreams.pages import HTML, JSON
from support.upstreams.running import make, upstream
from support.upstreams.stock import MadeFile, Stock

NEVER_FRESH = {"freshSeconds": 0, "staleSeconds": 3600}
CLIENTS = 50
LARGE = 8 * 1024**2


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirrored]:
    with mirrored(tmp_path_factory.mktemp("shared"), private=["acme-*"], freshness=NEVER_FRESH) as running:
        yield running


@pytest.fixture
def project(request: pytest.FixtureRequest, shared: Mirrored) -> Iterator[str]:
    """Return the name of a project with a wheel 1.0."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower()).strip("-")
    shared.other.stock.wheel(name, "1.0")
    yield name
    shared.other.heal()


def at_once(url: str, **headers: str) -> list[Fetched]:
    """Let many clients ask at the same time."""
    barrier = threading.Barrier(CLIENTS)

    def ask(_: int) -> Fetched:
        barrier.wait()
        return fetch(url, **headers)

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(ask, range(CLIENTS)))


def test_the_list_of_all_projects_is_never_asked_for(shared: Mirrored, project: str) -> None:
    """T3: what the list lacks for hours is there, since the project's page is asked for."""
    assert shared.index.page(project).status == 200
    assert fetch(f"{shared.index.server.url}/simple/", Accept=JSON).status == 200
    assert "GET /simple/" not in shared.other.requests()


def test_a_redirect_within_the_upstream_is_followed(shared: Mirrored, project: str) -> None:
    shared.other.fail(redirects(f"/simple/{project}/?moved", 301), f"GET /simple/{project}/$")
    assert shared.index.page(project).status == 200


def test_all_spellings_of_a_name_are_one_project(shared: Mirrored, project: str) -> None:
    """T22: the upstream sees the normalized name alone, whatever clients ask for."""
    spelling = project.replace("-", "._").title()
    answer = fetch(f"{shared.index.server.url}/simple/{spelling}/", Accept=JSON)
    if answer.status in {301, 308}:
        assert answer.headers["Location"].endswith(f"/simple/{project}/")
        assert shared.index.page(project).status == 200
    assert {seen.request.path for seen in shared.other.pages(project)} <= {f"/simple/{project}/"}
    assert shared.other.requests(f"GET /simple/{spelling}") == []


def test_a_new_release_is_there_at_once(shared: Mirrored, project: str) -> None:
    """T24: the page is that of the upstream, not what happens to be kept."""
    fetch(shared.url(project))
    new = shared.other.stock.wheel(project, "2.0")
    assert new.filename in shared.index.files(project)


def test_both_forms_of_a_page_have_the_same_files(shared: Mirrored, project: str) -> None:
    """U1, U2."""
    shared.other.stock.wheel(project, "1.1", yanked="bad")
    body = fetch(f"{shared.index.server.url}/simple/{project}/", Accept=HTML).body.decode()
    files = shared.index.files(project)
    assert len(files) == 2
    for filename, file in files.items():
        assert filename in body
        assert file["hashes"]["sha256"] in body
        assert fetch(shared.index.url(project, filename)).status == 200


def test_an_older_page_does_not_replace_a_newer_one(shared: Mirrored, project: str) -> None:
    """T5: a cache behind the upstream may answer with the page of yesterday."""
    new = shared.other.stock.wheel(project, "2.0")
    assert new.filename in shared.index.files(project)
    made = shared.other.stock.projects[project]
    made.files, made.serial = made.files[:1], made.serial - 5
    assert new.filename in shared.index.files(project)


def test_a_404_is_confirmed_first(shared: Mirrored, project: str) -> None:
    """T8: a known project does not go with the first 404."""
    before = shared.index.files(project)
    shared.other.fail(refuses(404), f"GET /simple/{project}/")
    assert shared.index.files(project) == before


def test_sudden_emptiness_is_confirmed_first(shared: Mirrored, project: str) -> None:
    """T8: nor with the first page without files."""
    files = shared.index.files(project)
    shared.other.stock.projects[project].files.clear()
    shared.other.stock.touch(project)
    assert shared.index.files(project) == files


def test_a_quarantine_is_believed_at_once(shared: Mirrored, project: str) -> None:
    """T6: a project that PyPI quarantines offers nothing here either, from then on."""
    url = shared.url(project)
    assert fetch(url).status == 200
    shared.other.stock.projects[project].status = "quarantined"
    shared.other.stock.touch(project)
    answer = shared.index.page(project)
    assert answer.status == 200
    assert answer.json()["files"] == []
    assert answer.json()["project-status"]["status"] == "quarantined"
    assert fetch(url).status == 403


def test_a_page_is_revalidated_with_its_etag(shared: Mirrored, project: str) -> None:
    first, second = shared.index.page(project), shared.index.page(project)
    assert first.body == second.body
    assert [seen.status for seen in shared.other.pages(project)] == [200, 304]
    unchanged = shared.index.page(project, If_None_Match=first.headers["ETag"])
    assert unchanged.status == 304


def test_a_file_of_another_project_is_left_out(shared: Mirrored, project: str) -> None:
    """U3: it costs only itself."""
    intruder = MadeFile("other_project-1.0-py3-none-any.whl", "1.0", b"other")
    shared.other.stock.add(project, intruder)
    assert list(shared.index.files(project)) == [shared.file(project).filename]


def test_a_file_of_a_lock_needs_no_page(shared: Mirrored, project: str) -> None:
    """T42: its URL is enough, without a request for the page."""
    made = shared.file(project)
    path = shared.other.kind.path(shared.other.stock.projects[project], made)
    answer = fetch(f"{shared.index.server.url}/mirror/pypi{path}")
    assert (answer.status, answer.body) == (200, made.body)


def test_a_path_that_no_page_lists_is_not_fetched(shared: Mirrored, project: str) -> None:
    """U14: a client cannot make the index ask for a URL."""
    filename = shared.file(project).filename
    for path in ("/packages/aa/bb/cc/", "/packages/../", "//127.0.0.1/", "/integrity/"):
        answer = fetch(f"{shared.index.server.url}/mirror/pypi{path}{filename}")
        assert answer.status in {400, 404}, answer
    assert [seen for seen in shared.other.log if seen.request.host is Host.FILES and project in seen.line] == []


def test_one_transfer_for_all(shared: Mirrored, project: str) -> None:
    """T10: many clients of a large file."""
    made = shared.other.stock.change(project, shared.file(project).filename, body=b"x" * LARGE)
    url = shared.url(project)
    answers = at_once(url)
    assert {answer.body for answer in answers} == {made.body}
    asked = [seen for seen in shared.other.log if seen.request.host is Host.FILES and made.filename in seen.line]
    assert len(asked) == 1


def test_files_are_asked_for_as_they_are(shared: Mirrored, project: str) -> None:
    """T40: no compression on the way, so that sizes mean something."""
    fetch(shared.url(project))
    asked = [seen.request for seen in shared.other.log if seen.request.host is Host.FILES]
    assert asked
    assert {request.header("Accept-Encoding") for request in asked} <= {"", "identity"}


def test_one_filename_has_one_digest(shared: Mirrored, project: str) -> None:
    """T16, T29 and U4: other bytes under a known name are not listed, and the old ones stay as they are."""
    made = shared.file(project)
    url = shared.url(project)
    assert fetch(url).body == made.body
    shared.other.stock.change(project, made.filename, body=b"other bytes")
    other = shared.other.stock.wheel(project, "2.0")
    assert set(shared.index.files(project)) == {made.filename, other.filename}
    assert shared.url(project) == url
    assert fetch(url).body == made.body


def test_a_gone_file_can_still_be_installed(shared: Mirrored, project: str) -> None:
    """U9 and U12: what is kept stays at its URL when the upstream has removed it."""
    made = shared.file(project)
    url = shared.url(project)
    assert fetch(url).status == 200
    shared.other.stock.wheel(project, "2.0")
    shared.other.stock.remove_file(project, made.filename)
    shared.index.page(project)
    assert fetch(url).body == made.body


def test_metadata_that_is_announced_is_there(shared: Mirrored, project: str) -> None:
    """T13 and T14: with the digest of its own bytes."""
    made = shared.file(project)
    file = shared.index.files(project)[made.filename]
    assert file["core-metadata"] == {"sha256": made.metadata_sha256}
    assert file["core-metadata"] != file["hashes"]
    assert fetch(f"{shared.index.url(project, made.filename)}.metadata").body == made.metadata


def test_a_name_of_an_upstream_cannot_be_published(shared: Mirrored, project: str, tmp_path: Path) -> None:
    """T23, T25 and U3: a 409 that says how to claim it; after a claim, nothing of the upstream is mixed in."""
    wheel = distributions.wheel(tmp_path, project.replace("-", "_"), "5.0")
    refused = publish(shared, wheel, tmp_path)
    assert "wheelyard claim" in refused
    assert shared.index.files(project).keys() == {shared.file(project).filename}
    claim = wheelyard("claim", project, "--yes", "--index-url", f"{shared.index.server.url_of(OWNER)}/simple/")
    assert claim.returncode == 0, output(claim)
    publish(shared, wheel, tmp_path)
    assert list(shared.index.files(project)) == [wheel.name]


def publish(shared: Mirrored, wheel: Path, folder: Path) -> str:
    """Publish with uv and return what it prints."""
    variables = {"UV_PUBLISH_URL": f"{shared.index.server.url}/legacy/", "UV_PUBLISH_TOKEN": PUBLISHER}
    return output(run(UV, "publish", wheel, cwd=folder, variables=variables))


def test_a_private_name_stays_here(shared: Mirrored, tmp_path: Path) -> None:
    """U10: on no path does the upstream learn of it, whether it exists or not; the answers do not differ."""
    shared.other.stock.wheel("acme-tool", "9.0")
    wheel = distributions.wheel(tmp_path, "acme_app", "1.0")
    publish(shared, wheel, tmp_path)
    assert list(shared.index.files("acme-app")) == [wheel.name]
    absent, private = shared.index.page("public-absent"), shared.index.page("acme-tool")
    assert private.status == absent.status == 404
    assert private.json() | {"requestId": ""} == absent.json() | {"requestId": ""}
    path = "/packages/aa/bb/cc/acme_tool-9.0-py3-none-any.whl"
    for suffix in ("", ".metadata", ".provenance"):
        assert fetch(f"{shared.index.server.url}/mirror/pypi{path}{suffix}").status == 404
    assert [seen.line for seen in shared.other.log if "acme" in seen.line] == []


def test_a_reader_s_login_stays_here(shared: Mirrored, project: str) -> None:
    """T35 and U6."""
    url = f"{shared.index.server.url}/simple/{project}/"
    login = "Basic " + base64.b64encode(f"__token__:{READER}".encode()).decode()
    assert fetch(url, Accept=JSON, Authorization=login).status == 200
    assert fetch(shared.url(project), Authorization=login).status == 200
    assert {seen.request.header("Authorization") for seen in shared.other.log} == {""}
    assert READER not in str([seen.request.headers for seen in shared.other.log])


def test_another_url_is_another_mirror(tmp_path: Path) -> None:
    """T1: after the upstream's URL changed, nothing of the old one is served, however fresh."""
    old, new = Stock(), Stock()
    gone, there = old.wheel("moved", "1.0"), new.wheel("moved", "2.0")
    for stock, expected in ((old, gone), (new, there)):
        with (
            upstream("pypi", stock) as other,
            index(tmp_path / expected.version, mirror_settings(tmp_path, other), tmp_path / "data") as running,
        ):
            assert list(running.files("moved")) == [expected.filename]


def test_an_offline_upstream_gives_what_is_kept(tmp_path: Path) -> None:
    """T2, U7: known pages and kept files, and for all else an error that says why."""
    stock = Stock()
    kept = stock.wheel("kept", "1.0")
    stock.wheel("never-read", "1.0")
    with upstream("pypi", stock) as other:
        settings = mirror_settings(tmp_path, other)
        with index(tmp_path / "online", settings, tmp_path / "data") as running:
            assert fetch(running.url("kept", kept.filename)).body == kept.body
        before = len(other.log)
        settings = mirror_settings(tmp_path, other, offline=True)
        with index(tmp_path / "offline", settings, tmp_path / "data") as running:
            assert fetch(running.url("kept", kept.filename)).body == kept.body
            answer = running.page("never-read")
        assert answer.status == 503
        assert b"offline" in answer.body
        assert len(other.log) == before


def test_a_token_that_expired_is_read_again(tmp_path: Path) -> None:
    """T35: a server need not be restarted since tokens last 12 hours."""
    other = make("codeartifact")
    other.start()
    with index(tmp_path, mirror_settings(tmp_path, other, freshness=NEVER_FRESH)) as running:
        assert running.page("public-app").status == 200
        other.kind.password = "the-next-one"
        assert running.page("public-needed").status == 502
        assert running.page("public-app").status == 200, "a known page goes on"
        write_login(tmp_path / "login-codeartifact", other)
        wait_until(lambda: running.page("public-needed").status == 200)
    other.stop()


def test_a_name_has_the_first_upstream_that_has_it_and_keeps_it(tmp_path: Path) -> None:
    """T23, U3: also when the first one gets it later, or fails."""
    first, second = Stock(), Stock()
    first.wheel("both", "1.0")
    second.wheel("both", "2.0")
    second.wheel("second-only", "2.0")
    others = [make("pypi", first), make("nexus", second)]
    for each in others:
        each.start()
    with index(tmp_path, mirror_settings(tmp_path, *others, freshness=NEVER_FRESH)) as running:
        assert len(running.files("both")) == len(running.files("second-only")) == 1
        first.wheel("second-only", "3.0")
        assert list(running.files("second-only")) == ["second_only-2.0-py3-none-any.whl"]
        others[0].stop()
        assert list(running.files("both")) == ["both-1.0-py3-none-any.whl"]
        assert list(running.files("second-only")) == ["second_only-2.0-py3-none-any.whl"]
        assert running.page("neither").status == 503
    others[1].stop()


def test_a_page_is_as_fresh_as_configured(tmp_path: Path) -> None:
    """T4: within its time it is not asked for again, however many read it, and nothing else decides that."""
    stock = Stock()
    stock.wheel("fresh", "1.0")
    with (
        upstream("nexus", stock) as other,
        index(tmp_path, mirror_settings(tmp_path, other, freshness={"freshSeconds": 3600})) as running,
    ):
        for _ in range(5):
            assert len(running.files("fresh")) == 1
        assert len(other.pages("fresh")) == 1


def test_readers_cause_a_bounded_number_of_mirrors(tmp_path: Path) -> None:
    """U13: new names have a rate for each client; those that are known go on."""
    stock = Stock()
    names = [f"new-{number}" for number in range(6)]
    for name in names:
        stock.wheel(name, "1.0")
    settings = {"limits": {"newMirrorsPerHour": 3}}
    with upstream("pypi", stock) as other, index(tmp_path, mirror_settings(tmp_path, other) | settings) as running:
        answers = [running.page(name) for name in names]
        assert [answer.status for answer in answers[:3]] == [200, 200, 200]
        refused = [answer for answer in answers if answer.status == 429]
        assert refused
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
        assert running.page(names[0]).status == 200


def test_a_mirrored_file_needs_the_right_to_read_its_project(tmp_path: Path) -> None:
    """T44: on no URL of it."""
    stock = Stock()
    made = stock.wheel("secret-a", "1.0")
    reader = "Basic " + base64.b64encode(f"__token__:{READER}".encode()).decode()
    with (
        upstream("pypi", stock) as other,
        index(tmp_path, mirror_settings(tmp_path, other), access=ACCESS) as running,
    ):
        page = running.page("secret-a", Authorization=reader)
        assert page.status == 200
        url = urljoin(f"{running.server.url}/simple/secret-a/", page.json()["files"][0]["url"])
        for each in (url, f"{url}.metadata", f"{url}.provenance"):
            assert fetch(each, Authorization=reader).status == 200
            assert fetch(each).status in {401, 404}
        assert fetch(url, Authorization=reader).body == made.body


def test_a_large_page_is_whole(tmp_path: Path) -> None:
    """T38 and T40: 5,000 files, compressed on the way."""
    stock = Stock()
    small = stock.wheel("large", "1.0")
    project = stock.project("large")
    project.files += [
        replace(small, filename=f"large-1.{number}-py3-none-any.whl", version=f"1.{number}")
        for number in range(1, 5_000)
    ]
    with upstream("pypi", stock) as other, index(tmp_path, mirror_settings(tmp_path, other)) as running:
        files = running.files("large")
        assert len(files) == 5_000
        assert {file["hashes"]["sha256"] for file in files.values()} == {small.sha256}
    assert len(other.pages("large")) == 1


def test_metadata_that_is_not_the_wheel_s_is_not_announced(tmp_path: Path) -> None:
    """T15: clients would refuse the wheel, or resolve by requirements that are not its own."""
    stock = Stock()
    made = stock.wheel("liar", "1.0")
    stock.change("liar", made.filename, metadata=made.metadata.replace(b"\n\n", b"\nRequires-Dist: other\n\n"))
    with (
        upstream("pypi", stock) as other,
        index(tmp_path, mirror_settings(tmp_path, other, freshness=NEVER_FRESH)) as running,
    ):
        url = running.url("liar", made.filename)
        assert fetch(url).body == made.body

        def is_right() -> bool:
            announced = running.files("liar")[made.filename].get("core-metadata")
            return not announced or announced == {"sha256": made.metadata_sha256}

        wait_until(is_right)


def test_an_upstream_with_its_own_authority_behind_a_proxy(tmp_path: Path) -> None:
    """T36: the certificates and the proxy of a company are settings, not luck."""
    certificate = certify(tmp_path, "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain, certificate.key)
    stock = Stock()
    made = stock.wheel("inside", "1.0")
    with upstream("pypi", stock, context=context) as other, forward_proxy() as proxy:
        trusted = mirror_settings(tmp_path, other, caBundle=certificate.authority.read_text())
        trusted["egress"] = {**trusted["egress"], "proxy": proxy.url}  # type: ignore[dict-item]
        trusted["egress"]["allowedHosts"].append(proxy.url.removeprefix("http://"))  # type: ignore[index]
        with index(tmp_path / "trusted", trusted) as running:
            assert fetch(running.url("inside", made.filename)).body == made.body
        assert set(proxy.targets) == set(other.hosts)
        with index(tmp_path / "untrusted", mirror_settings(tmp_path, other)) as running:
            answer = running.page("inside")
            assert answer.status == 503
            assert b"certificate" in answer.body


def test_a_herd_is_one_request(tmp_path: Path) -> None:
    """T9: many clients of a project that was never read."""
    with mirrored(tmp_path) as running:
        running.other.stock.wheel("herd")
        answers = at_once(f"{running.index.server.url}/simple/herd/", Accept=JSON)
        assert {answer.status for answer in answers} == {200}
        assert len(running.other.pages("herd")) == 1
