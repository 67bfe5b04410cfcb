"""Everybody who logs in, on the real cluster: ServiceAccounts, passwords, CI jobs, rotated tokens."""

import base64
import gzip
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import distributions
from support.here import Here
from support.issuers import TestIssuer
from support.kubectl import Kubectl, eventually
from support.mainjob import ISSUER, SYSTEM, MainJob

INSTALL = "pip install --quiet --no-cache-dir --no-deps --target /tmp/installed"
"""Within which a change of rights counts on every replica."""


def test_a_jenkins_agent_publishes_and_installs_with_no_stored_secret(main_job: MainJob, tmp_path: Path) -> None:
    kubectl = main_job.kubectl
    try:
        main_job.apply("serviceaccount.yaml")
        main_job.wait_until_ready("packageindex", "builds", "jenkins")
        main_job.wait_until_ready("indexuser", "agent", "jenkins")
        kubectl("-n", "jenkins", "wait", "--for=condition=Ready", "pod/agent", "--timeout=60s")
        assert not [key for key in kubectl.secret("jenkins", "agent-pypi") if "password" in key.lower()]
        for name in ("by_twine", "by_uv"):
            distributions.wheel(tmp_path, name, version=f"1.{int(time.time())}")
        kubectl("-n", "jenkins", "cp", str(tmp_path), "agent:/tmp/dist")
        agent = ("-n", "jenkins", "exec", "agent", "--", "sh", "-ec")
        twine = "twine upload --non-interactive --disable-progress-bar"
        kubectl(*agent, f"TWINE_PASSWORD=$(cat $TOKEN_FILE) {twine} /tmp/dist/by_twine*")
        kubectl(*agent, "UV_PUBLISH_PASSWORD=$(cat $TOKEN_FILE) uv publish --no-cache /tmp/dist/by_uv*")
        index = "http://__token__:$(cat $TOKEN_FILE)@$PIP_TRUSTED_HOST/simple/"
        kubectl(*agent, f"PIP_INDEX_URL={index} {INSTALL} by-twine by-uv")
        refused = kubectl.attempt(*agent, f"{INSTALL} by-twine")
        assert refused.returncode != 0, "anonymous may nothing here"
        curl = "import os, urllib.request as r; print(r.urlopen(r.Request('http://wheelyard-builds/api/v1/whoami',"
        bearer = f"{curl} headers={{'Authorization': 'Bearer ' + open(os.environ['TOKEN_FILE']).read()}})).read())"
        assert "jenkins.agent" in kubectl(*agent[:-2], "python3", "-c", bearer)
    finally:
        kubectl("-n", "jenkins", "delete", "packageindexes,indexusers,pods", "--all", "--timeout=60s")


@pytest.fixture
def issuer(main_job: MainJob) -> Iterator[TestIssuer]:
    """Run the CI service that the operator allows: a pod that serves two files."""
    issuer = TestIssuer(ISSUER, number=1, audience="wheelyard.dev/packages/main")
    kubectl, namespace = main_job.kubectl, "trusted"
    files = {
        "configuration": json.dumps({"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"}),
        "keys": json.dumps({"keys": list(issuer.public.keys)}),
    }
    server = (
        "mkdir -p /tmp/www/.well-known && cp /files/configuration /tmp/www/.well-known/openid-configuration"
        " && cp /files/keys /tmp/www/keys && exec python3 -m http.server --directory /tmp/www 8000"
    )
    container = {
        "name": "issuer",
        "image": main_job.cluster.images.client,
        "command": ["sh", "-ec", server],
        "volumeMounts": [{"name": "files", "mountPath": "/files"}],
        "readinessProbe": {"httpGet": {"path": "/keys", "port": 8000}, "periodSeconds": 1},
    }
    pod = {"containers": [container], "volumes": [{"name": "files", "configMap": {"name": "issuer"}}]}
    named = {"name": "issuer", "namespace": namespace, "labels": {"app": "issuer"}}
    port = {"port": 80, "targetPort": 8000}
    for manifest in (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": named, "data": files},
        {"apiVersion": "v1", "kind": "Pod", "metadata": named, "spec": {**pod, "terminationGracePeriodSeconds": 0}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": named,
            "spec": {"selector": {"app": "issuer"}, "ports": [port]},
        },
    ):
        kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
    kubectl("-n", namespace, "wait", "--for=condition=Ready", "pod/issuer", "--timeout=60s")
    # Until kube-proxy knows of the pod, no request gets an answer, and the operator would ask again
    # a minute later.
    asked = f"import urllib.request as r; print(r.urlopen('{ISSUER}/keys', timeout=5).status)"
    python = ("-n", "packages", "exec", "publisher", "--", "python3", "-c")
    eventually(lambda: kubectl(*python, asked).strip() == "200", "the issuer answers")
    yield issuer
    kubectl("delete", "namespace", namespace, "--wait=false")


MINT = """
import json, sys, urllib.error, urllib.request
body = json.dumps({"token": sys.argv[1]}).encode()
request = urllib.request.Request("http://wheelyard-main/_/oidc/mint-token", body)
try:
    print(json.load(urllib.request.urlopen(request, timeout=10))["token"])
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
"""


def user(name: str, **spec: Any) -> str:
    return json.dumps(
        {
            "apiVersion": "wheelyard.dev/v1",
            "kind": "IndexUser",
            "metadata": {"name": name, "namespace": "packages"},
            "spec": {"indexRef": {"name": "main"}, "grants": [{"verbs": ["read", "publish"]}], **spec},
        }
    )


def test_a_ci_job_publishes_with_no_stored_secret(main_job: MainJob, issuer: TestIssuer, tmp_path: Path) -> None:
    kubectl = main_job.kubectl
    publisher = {"oidc": {"issuer": ISSUER, "claims": {"repository": "acme/app"}}}
    kubectl("apply", "-f", "-", stdin=user("job", credentials={"token": False}, trustedPublishers=[publisher]))
    try:
        main_job.wait_until_ready("indexuser", "job", "packages")
        python = ("-n", "packages", "exec", "publisher", "--", "python3", "-c", MINT)
        minted = eventually(
            lambda: kubectl(*python, issuer.sign(repository="acme/app")).strip().startswith("eyJ"),
            "minted",
        )
        assert minted
        stranger = kubectl(*python, issuer.sign(repository="acme/other"))
        assert stranger.startswith("422")
        assert "repository=acme/other" in stranger
        token = kubectl(*python, issuer.sign(repository="acme/app")).strip()
        wheel = distributions.wheel(tmp_path, "by_a_job", version=f"1.{int(time.time())}")
        kubectl("-n", "packages", "cp", str(wheel), f"publisher:/tmp/{wheel.name}")
        upload = f"twine upload --non-interactive --disable-progress-bar -u __token__ -p {token} /tmp/{wheel.name}"
        main_job.in_publisher(upload)
    finally:
        kubectl("-n", "packages", "delete", "indexuser", "job")
    eventually(lambda: _login(main_job, "__token__", token) == {401}, "the minted token ended with its user")


def test_a_ci_service_that_the_platform_team_has_not_allowed(main_job: MainJob) -> None:
    kubectl = main_job.kubectl
    try:
        main_job.apply("trusted-publishing.yaml")
        kubectl("-n", "packages", "wait", "--for=condition=Stalled", "indexuser/release", "--timeout=150s")
        (ready,) = [
            each
            for each in kubectl.get("-n", "packages", "indexuser", "release")["status"]["conditions"]
            if each["type"] == "Ready"
        ]
        assert (ready["status"], ready["reason"]) == ("False", "IssuerNotAllowed")
        assert "oidc.allowedIssuers of the operator's Helm chart" in ready["message"]
    finally:
        kubectl("-n", "packages", "delete", "indexuser", "release")


def test_a_changed_password_works_and_the_old_one_does_not(main_job: MainJob) -> None:
    kubectl = main_job.kubectl
    try:
        main_job.apply("password.yaml")
        main_job.wait_until_ready("indexuser", "alice", "packages")
        old = ("packages.alice", "choose-a-better-one")
        eventually(lambda: _login(main_job, *old) == {200}, "the password counts")
        assert _login(main_job, "packages.alice", "a wrong one") == {401}
        assert _login(main_job, "packages.nobody", "a wrong one") == {401}
        changed = {"stringData": {"password": "a better one"}}
        kubectl("-n", "packages", "patch", "secret", "alice-password", "-p", json.dumps(changed))
        eventually(lambda: _login(main_job, "packages.alice", "a better one") == {200}, "the new one counts")
        assert _login(main_job, *old) == {401}
        described = kubectl("-n", "packages", "describe", "indexuser", "alice")
        for word in (r"Rights:", r"read: \*", r"Next Rotation:", r"Token Issued:", r"Secret Name:\s+alice-pypi"):
            assert re.search(word, described), described
    finally:
        kubectl("-n", "packages", "delete", "indexuser/alice", "secret/alice-password")
    eventually(lambda: _login(main_job, "packages.alice", "a better one") == {401}, "she ended with her user")


def test_a_token_is_rotated_on_request_and_both_work_in_the_overlap(main_job: MainJob) -> None:
    kubectl = main_job.kubectl
    kubectl("apply", "-f", "-", stdin=user("turning", credentials={"overlap": "20s"}))
    try:
        main_job.wait_until_ready("indexuser", "turning", "packages")
        name, old = "packages.turning", kubectl.secret("packages", "turning-pypi")["password"]
        eventually(lambda: _login(main_job, name, old) == {200}, "the token counts")
        kubectl("-n", "packages", "annotate", "indexuser", "turning", "wheelyard.dev/rotate=now")

        def new() -> str:
            return str(kubectl.secret("packages", "turning-pypi")["password"])

        eventually(lambda: new() != old, "there is a new token")
        assert _login(main_job, name, new()) == {200}, "it is known everywhere before anybody has it"
        assert _login(main_job, name, old) == {200}
        eventually(lambda: _login(main_job, name, old) == {401}, "the old one has ended")
        assert _login(main_job, name, new()) == {200}
    finally:
        kubectl("-n", "packages", "delete", "indexuser", "turning")


def test_rights_are_given_and_taken_within_seconds(main_job: MainJob) -> None:
    kubectl = main_job.kubectl
    kubectl("apply", "-f", "-", stdin=user("changing", grants=[]))
    try:
        main_job.wait_until_ready("indexuser", "changing", "packages")
        token = kubectl.secret("packages", "changing-pypi")["password"]
        eventually(lambda: _verbs(main_job, token) == {"read"}, "the login counts")
        for verbs in (["yank"], ["delete", "yank"], []):
            grants = [{"verbs": verbs}] if verbs else []
            kubectl("apply", "-f", "-", stdin=user("changing", grants=grants))
            eventually(lambda: _verbs(main_job, token) == {"read", *verbs}, f"{verbs} count")  # noqa: B023
    finally:
        kubectl("-n", "packages", "delete", "indexuser", "changing")


def test_a_user_of_another_namespace_stays_within_the_maximum(main_job: MainJob) -> None:
    kubectl = main_job.kubectl
    patch = {"spec": {"grants": [{"verbs": ["read", "delete"]}], "groups": ["admins"]}}
    kubectl("-n", "team-web", "patch", "indexuser", "web", "--type=merge", "-p", json.dumps(patch))
    try:
        condition = (
            "-n",
            "team-web",
            "wait",
            "--for=condition=GrantsAccepted=False",
            "indexuser/web",
            "--timeout=150s",
        )
        kubectl(*condition)
        status = kubectl.get("-n", "team-web", "indexuser", "web")["status"]
        assert status["rights"] == ["read: *", "read: *"]
        (accepted,) = [each for each in status["conditions"] if each["type"] == "GrantsAccepted"]
        assert "group admins; read, delete: *" in accepted["message"]
        assert _verbs(main_job, kubectl.secret("team-web", "web-pypi")["password"]) == {"read"}
    finally:
        patch = {"spec": {"grants": [{"verbs": ["read"]}], "groups": []}}
        kubectl("-n", "team-web", "patch", "indexuser", "web", "--type=merge", "-p", json.dumps(patch))
    main_job.wait_until_ready("indexuser", "web", "team-web")


def test_a_namespace_that_the_index_does_not_accept(here: Here, main_job_ready: MainJob) -> None:
    here.apply("IndexUser", "ci", {"indexRef": {"name": "main", "namespace": "packages"}})
    message = here.wait_for("indexuser", "ci", "Ready", "NamespaceNotAllowed")
    assert "access.users.namespaces" in message
    assert "ci-pypi" not in main_job_ready.kubectl("-n", here.namespace, "get", "secrets", "-o", "name")


def test_no_secret_is_anywhere_but_in_secrets(main_job: MainJob) -> None:
    """Grep logs, events, and all that the API server shows of objects, for the content of our Secrets."""
    kubectl = main_job.kubectl
    kubectl("apply", "-f", "-", stdin=user("watched", credentials={"rotateEvery": "720h"}))
    main_job.wait_until_ready("indexuser", "watched", "packages")
    made = kubectl.get("-A", "secrets", "-l", "wheelyard.dev/index")["items"]
    hidden = {
        base64.b64decode(value).decode()
        for secret in made
        for key, value in secret["data"].items()
        if key in {"password", "passwordHash", "AWS_SECRET_ACCESS_KEY", "minting-key"}
    }
    digests = set(re.findall(r"sha256:[0-9a-f]{64}", "".join(_access_file(secret) for secret in made)))
    assert len(hidden) >= 4
    assert len(digests) >= 3
    kinds = "packageindexes,indexusers,pods,deployments,replicasets,configmaps,services,serviceaccounts,events"
    seen = kubectl("get", kinds, "-A", "-o", "yaml")
    seen += json.dumps([secret["metadata"] for secret in made])
    for namespace, pods in ((SYSTEM, "app.kubernetes.io/name=wheelyard"), ("packages", "wheelyard.dev/index=main")):
        seen += kubectl("-n", namespace, "logs", "-l", pods, "--tail=-1", "--prefix")
    assert [len(secret) for secret in hidden | digests if secret in seen] == []
    kubectl("-n", "packages", "delete", "indexuser", "watched")


def _access_file(secret: Any) -> str:
    packed = base64.b64decode(secret["data"].get("access.json.gz", ""))
    return gzip.decompress(packed).decode() if packed else ""


LOGIN = """
import base64, json, sys, urllib.error, urllib.request
user, secret, *addresses = sys.argv[1:]
login = {"Authorization": "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()}
for address in addresses:
    request = urllib.request.Request(f"http://{address}:8080/api/v1/whoami", headers=login)
    try:
        print(200, ",".join(json.load(urllib.request.urlopen(request, timeout=10))["verbs"]))
    except urllib.error.HTTPError as error:
        print(error.code, "")
"""


def _answers(main_job: MainJob, user: str, secret: str) -> list[list[str]]:
    """Ask every replica who that is."""
    kubectl: Kubectl = main_job.kubectl
    pods = kubectl.get("-n", "packages", "pods", "-l", "wheelyard.dev/index=main")["items"]
    addresses = [pod["status"]["podIP"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    python = ("-n", "packages", "exec", "publisher", "--", "python3", "-c", LOGIN)
    return [line.split(" ") for line in kubectl(*python, user, secret, *addresses).splitlines()]


def _login(main_job: MainJob, user: str, secret: str) -> set[int]:
    return {int(status) for status, _ in _answers(main_job, user, secret)}


def _verbs(main_job: MainJob, token: str) -> set[str]:
    """Return the verbs, if all replicas agree on them."""
    answers = {tuple(each) for each in _answers(main_job, "__token__", token)}
    return set(answers.pop()[1].split(",")) if len(answers) == 1 else set()
