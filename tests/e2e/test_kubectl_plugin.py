"""`kubectl wheelyard`, used by a person with only the permissions of examples/kubectl-rights.yaml."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from mypy_boto3_s3 import S3Client

from cluster import Cluster
from support.distributions import wheel
from support.here import Here
from support.kubectl import eventually, run
from support.mainjob import EXAMPLES
from support.patience import HANG_SECONDS

JANE = "jane@acme.example"
FOLDER = "/tmp"  # noqa: S108 - in a pod of the test's own


class Jane:
    """A person with a terminal of 80 columns."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace

    def command(self, verb: str, *arguments: str, user: str = JANE) -> list[str]:
        path = f"PATH={Path(sys.executable).parent}:{os.environ['PATH']}"
        kubectl = ["env", path, "COLUMNS=80", str(self.cluster.kubectl), "wheelyard", verb]
        return [*kubectl, *arguments, "-n", self.namespace, "--as", user]

    def attempt(self, *arguments: str, user: str = JANE) -> subprocess.CompletedProcess[str]:
        return run(self.cluster, *self.command(*arguments, user=user))

    def __call__(self, *arguments: str) -> str:
        done = self.attempt(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def jane(here: Here, bucket: str, cluster: Cluster) -> Iterator[Jane]:
    """Return Jane with her permissions, in a namespace with an index, a user and a client pod."""
    grants = [{"subjects": [f"user:{here.namespace}.ci"], "verbs": ["read", "publish"]}]
    here.index(bucket, spec={"replicas": 2, "access": {"grants": grants}})
    here.apply("IndexUser", "ci", {"indexRef": {"name": "main"}})
    here.client_pod(cluster)
    rights = (
        (EXAMPLES / "kubectl-rights.yaml")
        .read_text()
        .replace("namespace: packages", f"namespace: {here.namespace}")
    )
    here.kubectl("apply", "-f", "-", stdin=rights)
    here.wait_for("packageindex", "main", "Reconciling", "Settled")
    here.wait_for("indexuser", "ci", "Ready", "LoginInForce")
    yield Jane(cluster, here.namespace)
    roles = ("wheelyard-view", "wheelyard-operate", "wheelyard-except", "wheelyard-why")
    here.kubectl("delete", "clusterrole", *roles)


def test_jane_uses_every_command_of_the_plugin(
    jane: Jane, here: Here, cluster: Cluster, s3: S3Client, bucket: str, tmp_path: Path
) -> None:
    # A user without rights learns which right is missing, Jane which names there are.
    refused = jane.attempt("status", "main", user="nobody")
    assert refused.returncode == 1
    assert "You (nobody) do not have permission to get packageindexes.wheelyard.dev" in refused.stderr
    assert "Did you mean main?" in jane.attempt("status", "mani").stderr

    shown = jane("status", "main")
    assert "  servers       2 of 2 ready\n" in shown
    assert f"  {here.namespace}.ci" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert jane("status").splitlines()[1].split()[:3] == ["main", "Ready", "2/2"]
    kinds = [each["kind"] for each in json.loads(jane("status", "main", "-o", "json"))["items"]]
    assert kinds == ["PackageIndex", "IndexUser"]

    _publish_and_install(jane, here, wheel(tmp_path, "seen"))
    eventually(lambda: "audit publish done" in jane("logs", "main"), "the publication is in the log")

    explained = jane("why", "main", "seen", "--user", "ci")
    assert explained.splitlines() == ["seen", "1 file is offered, and no rule objects to it."]
    assert "with --user" in jane.attempt("why", "main", "seen").stderr, "the index shows nothing without a login"
    refused = jane.attempt("why", "main", "seen", user="nobody")
    assert "You (nobody) do not have permission" in refused.stderr

    page = _opened(jane, cluster)
    assert "<h1" in page, "the page of the index, through a real port-forward"
    _sessions_end(jane, here)

    before = jane("login", "ci", "--for", "env")
    assert "has the new token" in jane("rotate", "user/ci", "--wait")
    assert jane("login", "ci", "--for", "env") != before
    _publish_and_install(jane, here, wheel(tmp_path, "later"))

    checked = jane.attempt("verify", "main")
    assert (checked.returncode, checked.stdout) == (0, "2 projects, 0 findings\n"), checked.stderr
    (damaged,) = (key for key in _keys(s3, bucket) if key.endswith("/seen-1.0-py3-none-any.whl"))
    s3.put_object(Bucket=bucket, Key=damaged, Body=b"not what it was")
    checked = jane.attempt("verify", "main", "-o", "json")
    assert checked.returncode == 1, checked.stderr
    findings = [json.loads(line) for line in checked.stdout.splitlines()]
    assert [each["event"] for each in findings] == ["finding", "summary"]
    assert findings[0]["key"] == damaged
    assert here.kubectl("-n", here.namespace, "get", "jobs", "-o", "name") == ""


def _opened(jane: Jane, cluster: Cluster) -> str:
    """Return the page that `open` leads to, which Ctrl-C ends without an error."""
    environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig)}
    # A shell that runs the tests in the background has them ignore Ctrl-C, and with them all
    # programs that they run.
    command = ["env", "--default-signal=INT", *jane.command("open", "main")]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as opened:
        try:
            assert opened.stdout
            url = opened.stdout.readline().strip()
            assert url.startswith("http://127.0.0.1:")
            with urlopen(url, timeout=HANG_SECONDS) as answer:
                page = str(answer.read().decode())
            opened.send_signal(signal.SIGINT)
            assert opened.wait(HANG_SECONDS) == 0
        finally:
            opened.kill()
    return page


def _sessions_end(jane: Jane, here: Here) -> None:
    def sessions() -> str:
        template = '{{index .data "sessions.yaml" | base64decode}}'
        secret = ("secret", "wheelyard-main-access", "-o", f"go-template={template}")
        return here.kubectl("-n", here.namespace, "get", *secret)

    before = sessions()
    assert "all sessions end within seconds" in jane("sessions", "end", "main")
    eventually(lambda: "notBefore" in sessions(), "the servers get the moment")
    assert sessions().splitlines()[1] != before.splitlines()[1], "and another key"


def test_logs_follow_new_servers_and_pausing_stops_the_operator(jane: Jane, here: Here, cluster: Cluster) -> None:
    environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig)}
    command = jane.command("logs", "main", "--follow", "-o", "json")
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout
        watchdog = threading.Timer(120, following.kill)
        watchdog.start()
        pods = _new_pods(json.loads(line)["pod"] for line in following.stdout)
        old = {next(pods), next(pods)}
        here.kubectl("-n", here.namespace, "delete", "pod", *old, "--wait=false")
        assert len({next(pods), next(pods)} - old) == 2, "servers that start later are followed, too"
        watchdog.cancel()
        following.kill()
    assert "is paused" in jane("pause", "index/main")
    here.wait_for("packageindex", "main", "Paused", "PausedByAnnotation")
    assert "is paused: run kubectl wheelyard resume" in jane.attempt("rotate", "index/main").stderr
    assert "is resumed" in jane("resume", "index/main")
    eventually(lambda: "paused" not in jane("status", "main"), "it is resumed")


def _new_pods(names: Iterator[str]) -> Iterator[str]:
    known: set[str] = set()
    for name in names:
        if name not in known:
            known.add(name)
            yield name


def _publish_and_install(jane: Jane, here: Here, built: Path) -> None:
    """Run the commands that `login` prints, in a pod."""
    here.kubectl("-n", here.namespace, "cp", str(built), f"client:{FOLDER}/{built.name}")
    upload = jane("login", "ci", "--for", "twine").replace("dist/*", f"{FOLDER}/{built.name}")
    here.in_client("sh", "-euc", upload)
    name = built.name.partition("-")[0]
    install = jane("login", "ci", "--for", "pip").replace("PACKAGE", f"--target {FOLDER}/{name} {name}")
    here.in_client("sh", "-euc", install)


def _keys(s3: S3Client, bucket: str) -> list[str]:
    return [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]
