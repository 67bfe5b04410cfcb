"""Packages of other indexes through the same URL: as users install them, and as the operator reports on them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from cluster import Cluster
from support import distributions, public_index
from support.configured_index import PROJECT, Unreachable, configured_index
from support.here import Here
from support.kubectl import eventually
from support.mainjob import EXAMPLES
from support.outside import TWINE
from support.public_index import PublicIndex
from support.upstreams.stock import APP, NEEDED, TENSOR

INDEX = "wheelyard-main"
SITE = "/tmp/site"  # noqa: S108 - in a pod of the test's own
PRIVATE, SECRET_NAME = "acme-tool", "acme-never-published"
POLICY = {
    "names": {"private": ["acme-*"]},
    "access": {
        "grants": [
            {"subjects": ["anonymous"], "verbs": ["read"]},
            {"subjects": ["user:{namespace}.ci"], "verbs": ["read", "publish"]},
        ]
    },
}
OLD, NEW = "the-old-password", "the-new-password"
INSTALL = f"pip install --quiet --no-cache-dir --index-url http://{INDEX}/simple/ --trusted-host {INDEX} --target"
ASK = """
import json, sys, urllib.error, urllib.request
def ask(url):
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status, "", answer.read(4096).decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("Retry-After", ""), error.read(4096).decode()
print(json.dumps([ask(url) for url in sys.argv[1:]]))
"""


class Answer(NamedTuple):
    status: int
    retry_after: str
    text: str


class Servers:
    """The index `main` of a namespace and its pods."""

    def __init__(self, here: Here) -> None:
        self.here = here
        self._looks = 0

    def asked(self, project: str) -> list[Answer]:
        """Return what each server answers to the request for a project's page."""
        urls = [f"http://{each['status']['podIP']}:8080/simple/{project}/" for each in self._pods()]
        return [Answer(*each) for each in json.loads(self.here.in_client("python3", "-c", ASK, *urls))]

    def statuses(self, project: str) -> set[int]:
        return {each.status for each in self.asked(project)}

    def made(self) -> set[tuple[str, int]]:
        """Return which pods there are, and how often they were started again."""
        return {
            (each["metadata"]["uid"], each["status"]["containerStatuses"][0]["restartCount"])
            for each in self._pods()
        }

    def reports(self, reason: str, text: str = "") -> str:
        """Wait until UpstreamsReady has this reason and text; return its message. The index is Ready all the while.

        A touch makes the operator look now: it looks at each index once a minute.
        """

        def reported() -> str:
            self._looks += 1
            touch = ("annotate", "packageindex", "main", f"example.com/look={self._looks}", "--overwrite")
            self.here.kubectl("-n", self.here.namespace, *touch)
            assert self.here.condition("packageindex", "main", "Ready")[0] == "True"
            _, found, message = self.here.condition("packageindex", "main", "UpstreamsReady")
            return message if found == reason and text in message else ""

        return str(eventually(reported, f"UpstreamsReady says {reason} {text}"))

    def mount_now(self) -> None:
        """Have the kubelet renew what is mounted now: by itself it looks at each pod once a minute."""
        names = [each["metadata"]["name"] for each in self._pods()]
        self.here.kubectl(
            "-n", self.here.namespace, "annotate", "pods", *names, "example.com/look=now", "--overwrite"
        )

    def settings(self) -> Any:
        """Return index.yaml."""
        found = self.here.kubectl.get("-n", self.here.namespace, "configmap", INDEX)
        return yaml.safe_load(found["data"]["index.yaml"])

    def _pods(self) -> list[dict[str, Any]]:
        mine = ("-n", self.here.namespace, "pods", "-l", "wheelyard.dev/index=main")
        return [
            each for each in self.here.kubectl.get(*mine)["items"] if "deletionTimestamp" not in each["metadata"]
        ]


def policy(here: Here) -> dict[str, Any]:
    return dict(json.loads(json.dumps(POLICY).replace("{namespace}", here.namespace)))


def install(here: Here, *packages: str) -> None:
    """Install with pip from the one URL, without a login, and import what came."""
    modules = [each.replace("-", "_") for each in packages]
    here.in_client("sh", "-ec", f"rm -rf {SITE}; {INSTALL} {SITE} {' '.join(packages)}")
    files = f"import {', '.join(modules)}; print(*(each.__file__ for each in ({', '.join(modules)},)))"
    for file in here.in_client("env", f"PYTHONPATH={SITE}", "python3", "-c", files).split():
        assert file.startswith(f"{SITE}/")


def publish(here: Here, wheel: Path) -> str:
    """Publish with twine as `ci`; return what twine prints, also if it fails."""
    login = here.kubectl.secret(here.namespace, "ci-pypi")
    here.kubectl("-n", here.namespace, "cp", str(wheel), f"client:/tmp/{wheel.name}")
    options = f"--repository-url http://{INDEX}/ -u {login['username']} -p {login['password']}"
    return here.in_client("sh", "-c", f"{TWINE} {options} /tmp/{wheel.name} 2>&1 || true")


def another_pod(here: Here, cluster: Cluster) -> None:
    here.kubectl("-n", here.namespace, "delete", "pod", "client", "--wait")
    here.client_pod(cluster)


def asked_for(requests: Iterable[str], name: str) -> list[str]:
    return [each for each in requests if name in each]


@pytest.fixture
def public(here: Here, bucket: str, cluster: Cluster) -> PublicIndex:
    """Run a public index, an index of two servers that mirrors it, and a client."""
    index = PublicIndex(cluster, here.namespace)
    index.apply()
    here.index(bucket, spec={"replicas": 2, "upstreams": [index.upstream], **policy(here)})
    here.apply("IndexUser", "ci", {"indexRef": {"name": "main"}})
    here.client_pod(cluster)
    index.wait()
    here.wait_for("packageindex", "main", "Reconciling", "Settled")
    here.wait_for("indexuser", "ci", "Ready", "LoginInForce")
    return index


def test_private_and_public_packages_are_installed_from_one_url_also_while_the_public_index_is_down(
    public: PublicIndex, here: Here, cluster: Cluster, tmp_path: Path
) -> None:
    servers = Servers(here)
    tool = distributions.wheel(tmp_path, "acme_tool", extra=f"Requires-Dist: {APP}\n", module="import public_app\n")
    assert "ERROR" not in publish(here, tool)
    install(here, PRIVATE)
    refused = publish(here, distributions.wheel(tmp_path, NEEDED.replace("-", "_"), "99"))
    assert "409" in refused
    assert "wheelyard claim" in refused
    assert servers.statuses(SECRET_NAME) == servers.statuses("public-unknown") == {404}
    requests = public.requests()
    assert asked_for(requests, f"/simple/{NEEDED}/")
    assert asked_for(requests, "acme") == []

    before = servers.made()
    public.stop()
    another_pod(here, cluster)
    install(here, PRIVATE, APP, NEEDED)
    assert [(each.status, bool(each.retry_after)) for each in servers.asked("public-other")] == [(503, True)] * 2
    assert servers.statuses(SECRET_NAME) == {404}
    message = servers.reports("Unreachable")
    assert "public: not reachable by 2 of 2 index servers since 20" in message
    assert "Mend the upstream" in message

    public.start()
    eventually(lambda: servers.statuses("public-other") == {404}, "both servers ask the public index again")
    assert servers.reports("Reachable") == "public: reachable."
    assert servers.made() == before


def test_only_hosts_that_the_platform_team_lists_are_asked_and_a_new_password_is_used_without_a_restart(
    here: Here, bucket: str, cluster: Cluster
) -> None:
    servers = Servers(here)
    team = PublicIndex(cluster, here.namespace, kind="artifactory", password=NEW)
    team.apply()
    here.secret("partner", username="deployer", password=OLD)
    url = f"http://{team.host}:{public_index.PORT}/artifactory/api/pypi/team-pypi/simple/"
    unlisted = f"{public_index.NAME}.{here.namespace}.svc:{public_index.FILES_PORT}"
    upstreams = [
        {"name": "unlisted", "url": f"http://{unlisted}/simple/", "packages": [TENSOR]},
        {"name": "partner", "url": url, "credentials": {"secretRef": {"name": "partner"}}},
    ]
    # Its pages have no upload times: without this, all files would wait from the first look on.
    settled = {"cooldown": {"firstSight": {"partner": "Settled"}}}
    spec = {"upstreams": upstreams, "networkPolicy": {}, "policy": settled, **policy(here)}
    here.index(bucket, spec=spec)
    here.client_pod(cluster)
    team.wait()
    here.wait_for("packageindex", "main", "Ready", "Serving")

    message = servers.reports("HostNotAllowed")
    assert f"http://{unlisted}" in message
    assert "upstreams.allowedHosts" in message
    assert servers.statuses(TENSOR) == {503}
    assert servers.settings()["egress"]["allowedHosts"] == ["osv", f"{team.host}:{public_index.PORT}"]
    rules = here.kubectl.get("-n", here.namespace, "networkpolicy", INDEX)["spec"]["egress"]
    ports = {port["port"] for rule in rules for port in rule["ports"]}
    assert ports & {public_index.PORT, public_index.FILES_PORT} == {public_index.PORT}

    before = servers.made()
    assert servers.statuses(APP) == {502}
    assert "check its Secret" in servers.reports("HostNotAllowed", "partner: not reachable by 1 of 1 index servers")
    here.secret("partner", username="deployer", password=NEW)
    servers.mount_now()
    eventually(lambda: servers.statuses(APP) == {200}, "the new password is used")
    install(here, APP)
    assert servers.made() == before
    requests = team.requests()
    assert asked_for(requests, f"/simple/{NEEDED}/")
    assert asked_for(requests, TENSOR) == []


def test_the_example_serves_the_public_index(here: Here, bucket: str, cluster: Cluster) -> None:
    servers = Servers(here)
    index = example(here.namespace, bucket)
    here.kubectl("apply", "-f", "-", stdin=json.dumps(index))
    here.client_pod(cluster)
    here.wait_for("packageindex", "main", "Reconciling", "Settled")
    assert servers.reports("Reachable") == "pypi: reachable."
    assert servers.statuses(SECRET_NAME) == {404}
    try:
        found = configured_index().upstream
    except Unreachable as reason:
        assert servers.statuses(PROJECT) == {503}
        pytest.skip(f"the example serves private names alone: {reason}")
    # What the way from this machine needs, such as the authority of a relay.
    (pypi,) = index["spec"]["upstreams"]
    index["spec"]["upstreams"] = [{**pypi, **found, "name": pypi["name"]}]
    here.kubectl("apply", "-f", "-", stdin=json.dumps(index))
    here.wait_for("packageindex", "main", "Reconciling", "Settled")
    assert servers.statuses(PROJECT) == {200}
    install(here, PROJECT)
    assert servers.reports("Reachable") == "pypi: reachable."


def example(namespace: str, bucket: str) -> Any:
    """Return the PackageIndex of the example, in a namespace and with a bucket of the test's own."""
    documents = yaml.safe_load_all((EXAMPLES / "upstreams.yaml").read_text())
    (index,) = (each for each in documents if each["kind"] == "PackageIndex")
    index["metadata"]["namespace"] = namespace
    index["spec"]["storage"]["s3"]["bucket"] = bucket
    return index
