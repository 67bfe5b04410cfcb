"""The policy of an index of three servers decides and explains, with a feed and a receiver of events.

All tests share one index: its servers are the same from the first test to the last. Each test has
releases of its own.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
import yaml
from mypy_boto3_s3 import S3Client

from cluster import Cluster
from support import distributions, osv
from support.here import Here
from support.kubectl import Kubectl, eventually
from support.mainjob import EXAMPLES, MainJob
from support.outside import TWINE
from support.public_index import PublicIndex
from support.receiver import SECRET
from support.security_team import SecurityTeam
from support.temporary import Removals, new_bucket, new_namespace
from support.upstreams.public import PyPI
from support.upstreams.stock import APP, NEEDED, TENSOR, MadeFile, MadeProject, Stock

INDEX = "wheelyard-main"
REPLICAS = 3
POLL = "10s"
BUILDER, MANAGER, OWNER = "builder", "manager", "owner-of-the-index"
EXPORT = "/tmp/all.zip"  # noqa: S108 - in a pod of the test's own
TOKEN_FOLDER = "/run/wheelyard"


class Release(NamedTuple):
    """A version of a public project, with its wheel."""

    project: str
    version: str

    @property
    def wheel(self) -> str:
        return f"{self.project.replace('-', '_')}-{self.version}-py3-none-any.whl"

    @property
    def path(self) -> str:
        """Return the path of the wheel at the index."""
        made = MadeFile(self.wheel, self.version, b"")
        return f"/mirror/public{PyPI(Stock()).path(MadeProject(self.project), made)}"

    def __str__(self) -> str:
        return f"{self.project}=={self.version}"


URGENT, ASKED, OTHER = Release(NEEDED, "2.0"), Release(APP, "3.0"), Release("public-young", "1.0")
"""Young ones: the index excepts the first, and a team asks for the second."""
EVIL, STOLEN = Release(APP, "2.0"), Release(APP, "1.0")
LOCAL = "drill"
"""A package of the index itself."""

ASK = """
import json, sys, time, urllib.error, urllib.request
statuses, path, *hosts = sys.argv[1:]
wanted = set(map(int, statuses.split()))
def ask(host):
    request = urllib.request.Request(f"http://{host}:8080{path}")
    if path.startswith("/simple/"):
        request.add_header("Accept", "application/vnd.pypi.simple.v1+json")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode("latin-1")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
began = time.monotonic()
while True:
    answers = [ask(host) for host in hosts]
    seconds = time.monotonic() - began
    if not wanted or {status for status, _ in answers} == wanted or seconds > 120:
        break
    time.sleep(0.1)
print(json.dumps([seconds, answers]))
"""
INSTALL = """
export PIP_INDEX_URL=http://__token__:$(cat {folder}/token)@$PIP_TRUSTED_HOST/simple/
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 UV_NO_CACHE=1 UV_INDEX_URL=$PIP_INDEX_URL
export UV_INSECURE_HOST=$PIP_TRUSTED_HOST HOME=/tmp
for command in "$@"; do
  echo "+ $command"
  sh -c "$command --target /tmp/site" 2>&1 || echo "exit code $?"
done
"""


class Gate:
    """An index that decides, what its clients do, and what its owner and its managers do."""

    def __init__(self, here: Here, cluster: Cluster, other: str) -> None:
        self.here, self.cluster = here, cluster
        self.other = Here(here.kubectl, other)
        young = tuple(map(str, (URGENT, ASKED, OTHER)))
        self.public = PublicIndex(cluster, here.namespace, young=young)
        self.security = SecurityTeam(cluster, here.namespace)
        self.owner = Here(Kubectl(cluster, OWNER), here.namespace)
        self._jobs = self._looks = 0

    # What the index is.

    def start(self, bucket: str) -> None:
        """Run the index and all around it, and return when everything is ready."""
        self.public.apply()
        self.security.apply()
        self.here.secret("hooks", secret=SECRET)
        self.here.kubectl("-n", self.here.namespace, "create", "serviceaccount", BUILDER)
        self.here.kubectl("apply", "-f", "-", stdin=json.dumps(_rights_of_the_owner(self.here.namespace)))
        self.security.wait()
        self.here.index(bucket, spec=self._spec())
        self._user(MANAGER, ["read", "publish", "manage"])
        self._user(BUILDER, ["read"], credentials={"token": False}, serviceAccounts=[{"name": BUILDER}])
        self.here.client_pod(self.cluster)
        self.public.wait()
        self.here.wait_for("packageindex", "main", "Reconciling", "Settled")
        self.here.wait_for("indexuser", MANAGER, "Ready", "LoginInForce")
        self.here.wait_for("indexuser", BUILDER, "Ready", "LoginInForce")
        self._start_manager()
        self.before = self.pods()
        with TemporaryDirectory() as folder:
            self.local = self._publish(distributions.wheel(Path(folder), LOCAL))
        # Clients have these before anything is known. Servers write their counts within a minute.
        self.installed = self.job(f"pip install --no-deps {STOLEN} {LOCAL}")

    def _spec(self) -> dict[str, Any]:
        consent = {"namespaces": [self.other.namespace], "packages": [APP], "rules": ["cooldown"], "maximum": "30d"}
        return {
            "replicas": REPLICAS,
            "upstreams": [self.public.upstream],
            "advisories": {"url": self.security.feed_url, "poll": POLL},
            "webhook": {"url": self.security.receiver_url, "secretRef": {"name": "hooks"}},
            "policy": {**rules_of_the_example(), "exceptions": [], "exceptionsFrom": [consent]},
            "access": {"grants": [{"subjects": ["anonymous"], "verbs": ["read"]}]},
        }

    def _user(self, name: str, verbs: list[str], **spec: Any) -> None:
        spec = {"indexRef": {"name": "main"}, "grants": [{"verbs": verbs}], **spec}
        self.here.apply("IndexUser", name, spec)

    def _start_manager(self) -> None:
        container = {
            "name": MANAGER,
            "image": self.cluster.images.wheelyard,
            "command": ["sleep", "infinity"],
            "envFrom": [{"secretRef": {"name": f"{MANAGER}-pypi"}}],
        }
        spec = {"terminationGracePeriodSeconds": 0, "containers": [container]}
        manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": MANAGER}, "spec": spec}
        self.here.kubectl("-n", self.here.namespace, "apply", "-f", "-", stdin=json.dumps(manifest))
        self.here.kubectl("-n", self.here.namespace, "wait", "--for=condition=Ready", f"pod/{MANAGER}")

    # What its servers answer.

    def pods(self) -> Mapping[str, str]:
        """Return the addresses of the servers by their UIDs."""
        mine = ("-n", self.here.namespace, "pods", "-l", "wheelyard.dev/index=main")
        items = self.here.kubectl.get(*mine)["items"]
        return {each["metadata"]["uid"]: each["status"]["podIP"] for each in items}

    def wait_for(self, status: int, path: str, what: str) -> list[str]:
        """Wait until every server answers with a status, and print after how long; return what they answer."""
        seconds, answers = self._ask(str(status), path)
        assert [each for each, _ in answers] == [status] * REPLICAS, answers
        print(f"{what}: on every server after {seconds:.1f} s")  # noqa: T201
        return [text for _, text in answers]

    def statuses(self, path: str) -> list[int]:
        """Return what each server answers now."""
        return [status for status, _ in self._ask("", path)[1]]

    def offered(self, project: str) -> list[set[str]]:
        """Return the files on the page of each server."""
        pages = [json.loads(text) for _, text in self._ask("", f"/simple/{project}/")[1]]
        return [{each["filename"] for each in page["files"]} for page in pages]

    def _ask(self, statuses: str, path: str) -> tuple[float, list[tuple[int, str]]]:
        seconds, answers = json.loads(
            self.here.in_client("python3", "-c", ASK, statuses, path, *self.before.values())
        )
        return seconds, [(status, text) for status, text in answers]

    # What people do.

    def job(self, *commands: str) -> str:
        """Run pip and uv in a Job of the ServiceAccount; return what they print, on one line."""
        self._jobs += 1
        name = f"install-{self._jobs}"
        script = INSTALL.format(folder=TOKEN_FOLDER)
        container = {
            "name": "install",
            "image": self.cluster.images.client,
            "command": ["sh", "-uc", script, "install", *commands],
            "env": [{"name": "PIP_TRUSTED_HOST", "value": INDEX}],
            "volumeMounts": [{"name": "token", "mountPath": TOKEN_FOLDER}],
        }
        audience = f"wheelyard.dev/{self.here.namespace}/main"
        token = {"serviceAccountToken": {"audience": audience, "path": "token"}}
        pod = {
            "restartPolicy": "Never",
            "serviceAccountName": BUILDER,
            "automountServiceAccountToken": False,
            "containers": [container],
            "volumes": [{"name": "token", "projected": {"sources": [token]}}],
        }
        spec = {"backoffLimit": 0, "template": {"spec": pod}}
        manifest = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}
        here = ("-n", self.here.namespace)
        self.here.kubectl(*here, "apply", "-f", "-", stdin=json.dumps(manifest))
        self.here.kubectl(*here, "wait", "--for=condition=Complete", f"job/{name}", "--timeout=150s")
        printed = self.here.kubectl(*here, "logs", f"job/{name}")
        print(printed)  # noqa: T201
        return " ".join(printed.split())

    def wheelyard(self, *arguments: str) -> str:
        """Run `wheelyard` as the manager."""
        command = ("-n", self.here.namespace, "exec", MANAGER, "--", "wheelyard", *arguments)
        printed = self.here.kubectl(*command)
        print(f"+ wheelyard {' '.join(arguments)}\n{printed}")  # noqa: T201
        return printed

    def load(self, export: bytes) -> None:
        """Load advisories as the manager."""
        text = base64.b64encode(export).decode()
        write = f"import base64, sys; open({EXPORT!r}, 'wb').write(base64.b64decode(sys.stdin.read()))"
        execute = ("-n", self.here.namespace, "exec", "-i", MANAGER, "--")
        self.here.kubectl(*execute, "python3", "-c", write, stdin=text)
        self.wheelyard("advisories", "load", EXPORT)

    def _publish(self, wheel: Path) -> str:
        """Publish a wheel as the manager; return the path of its URL."""
        self.here.kubectl("-n", self.here.namespace, "cp", str(wheel), f"client:/tmp/{wheel.name}")
        login = self.here.kubectl.secret(self.here.namespace, f"{MANAGER}-pypi")
        options = f"--repository-url http://{INDEX}/ -u {login['username']} -p {login['password']}"
        self.here.in_client("sh", "-c", f"{TWINE} {options} /tmp/{wheel.name}")
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        return f"/files/{wheel.name.partition('-')[0]}/{digest}/{wheel.name}"

    def look(self) -> None:
        """Have the operator look at the index now: otherwise it does so once a minute."""
        self._looks += 1
        touch = ("annotate", "packageindex", "main", f"example.com/look={self._looks}", "--overwrite")
        self.here.kubectl("-n", self.here.namespace, *touch)

    def change_policy(self, **policy: Any) -> None:
        """Change some of spec.policy, as the owner of the index."""
        patch = json.dumps({"spec": {"policy": policy}})
        self.owner.kubectl("-n", self.here.namespace, "patch", "packageindex", "main", "--type=merge", "-p", patch)

    def ask_for(self, name: str, release: Release) -> None:
        """Ask for an exception in the namespace of the team."""
        spec = {
            "indexRef": {"name": "main", "namespace": self.here.namespace},
            "packages": [release.project],
            "versions": f"=={release.version}",
            "from": ["cooldown"],
            "until": in_days(20),
            "reason": "SEC-412",
            "approvedBy": "ann",
        }
        self.other.apply("PackageException", name, spec)

    def describe(self, *resources: str) -> str:
        """Return a table of kubectl, wide."""
        return self.here.kubectl("get", *resources, "-o", "wide")


def rules_of_the_example() -> Any:
    """Return spec.policy of the example, which has all rules."""
    documents = yaml.safe_load_all((EXAMPLES / "policy.yaml").read_text())
    (index,) = (each for each in documents if each["kind"] == "PackageIndex")
    return index["spec"]["policy"]


def in_days(days: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}"


def record(identifier: str, release: Release) -> osv.OsvJson:
    """Return a report of malware that appears now."""
    return osv.malware(identifier, release.project, release.version, modified=datetime.now(UTC))


def _rights_of_the_owner(namespace: str) -> dict[str, Any]:
    """Return the rights of a tenant: PackageIndexes of this namespace, and nothing else."""
    group = "rbac.authorization.k8s.io"
    metadata = {"name": OWNER, "namespace": namespace}
    rules = [{"apiGroups": ["wheelyard.dev"], "resources": ["packageindexes"], "verbs": ["get", "patch"]}]
    role = {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": rules}
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": group, "kind": "Role", "name": OWNER},
        "subjects": [{"apiGroup": group, "kind": "User", "name": OWNER}],
    }
    return {"apiVersion": "v1", "kind": "List", "items": [role, binding]}


def url(path: str) -> str:
    return f"http://{INDEX}{path}"


@pytest.fixture(scope="module")
def gate(operator: MainJob, s3: S3Client, removals: Removals, cluster: Cluster) -> Iterator[Gate]:
    """Run an index of three servers that mirrors a public one, with a feed, a receiver of events and users."""
    kubectl = operator.kubectl
    with (
        new_namespace(kubectl, removals) as namespace,
        new_namespace(kubectl, removals) as team,
        new_bucket(s3, removals) as bucket,
    ):
        made = Gate(Here(kubectl, namespace), cluster, team)
        made.start(bucket)
        yield made


@pytest.fixture(autouse=True)
def same_servers(gate: Gate) -> Iterator[None]:
    """Check that no change has replaced a server."""
    yield
    assert gate.pods() == gate.before


def test_a_young_release_waits_and_an_exception_is_in_force_within_seconds(gate: Gate) -> None:
    printed = gate.job(
        f"pip install {NEEDED}",
        f"pip install {URGENT}",
        f"pip install {url(URGENT.path)}",
        f"uv pip install '{NEEDED} @ {url(URGENT.path)}'",
    )
    waits = f"{URGENT.wheel} was published at"
    assert f"Successfully installed {NEEDED}-1.0" in printed
    assert f"No matching distribution found for {URGENT}" in printed
    assert printed.count(waits) >= 2, "pip and uv both print the sentence"
    assert f"policy.exceptions of the index {gate.here.namespace}/main" in printed
    assert waits in " ".join(gate.wheelyard("why", str(URGENT)).split())
    assert all(URGENT.wheel not in files for files in gate.offered(NEEDED))

    exception = {
        "packages": [NEEDED],
        "versions": f"=={URGENT.version}",
        "from": ["cooldown"],
        "until": in_days(3),
        "reason": "SEC-1",
    }
    gate.change_policy(exceptions=[exception])
    gate.wait_for(200, URGENT.path, "an exception of spec.policy")
    assert all(URGENT.wheel in files for files in gate.offered(NEEDED))
    assert f"Successfully installed {NEEDED}-2.0" in gate.job(f"pip install {NEEDED}")
    assert gate.here.wait_for("packageindex", "main", "PolicyInForce", "InForce")
    assert "SEC-1" not in gate.here.condition("packageindex", "main", "Ready")[2]
    ending = gate.here.wait_for("packageindex", "main", "ExceptionsCurrent", "EndingSoon")
    assert f"{URGENT} from cooldown (until {in_days(3)})" in ending
    (row,) = gate.describe("-n", gate.here.namespace, "packageindex", "main").splitlines()[1:]
    assert row.split()[1] == "True"
    assert in_days(3) in row or in_days(4) in row, row


def test_a_team_asks_for_an_exception_and_the_index_decides(gate: Gate) -> None:
    gate.ask_for("not-consented", OTHER)
    gate.ask_for("consented", ASKED)
    gate.wait_for(200, ASKED.path, "a PackageException")
    gate.other.wait_for("packageexception", "consented", "Accepted", "InForce")
    message = gate.other.wait_for("packageexception", "not-consented", "Accepted", "NotConsented")
    assert "exceptionsFrom" in message
    assert gate.statuses(OTHER.path) == [403] * REPLICAS
    table = gate.describe("-n", gate.other.namespace, "packageexceptions").splitlines()
    accepted = {line.split()[0]: line for line in table[1:]}
    assert "True" in accepted["consented"].split()
    assert "InForce" in accepted["consented"]
    assert {"False", "NotConsented"} <= set(accepted["not-consented"].split())


def test_new_malware_is_refused_by_every_server_and_pip_and_uv_say_why(gate: Gate) -> None:
    tensor = Release(TENSOR, "2.6.0+cu124")
    assert gate.statuses(tensor.path) == gate.statuses(EVIL.path) == [200] * REPLICAS
    shown = record("MAL-2026-100", tensor)
    gate.security.show(shown)
    gate.wait_for(403, tensor.path, "a record of the feed")
    assert gate.offered(TENSOR) == [set()] * REPLICAS
    printed = gate.job(
        f"pip install {TENSOR}",
        f"pip install {url(tensor.path)}",
        f"uv pip install '{TENSOR} @ {url(tensor.path)}'",
    )
    assert f"No matching distribution found for {TENSOR}" in printed
    assert printed.count("MAL-2026-100") >= 2, "pip and uv both print the sentence"

    export = osv.export([*osv.odd_records(), shown, record("MAL-2026-101", EVIL)])
    gate.load(export)
    gate.wait_for(403, EVIL.path, "wheelyard advisories load")
    gate.here.wait_for("packageindex", "main", "AdvisoriesCurrent", "Current")


def test_the_owner_of_an_index_gets_no_less_than_the_minimum_of_the_platform_team(gate: Gate) -> None:
    asked = gate.here.kubectl.get("-n", gate.here.namespace, "packageindex", "main")["spec"]["policy"]
    exception = {"packages": ["*"], "from": ["malware"], "until": in_days(3), "reason": "trust me"}
    weakened = {
        "cooldown": {"age": "0s"},
        "malware": {"action": "Off"},
        "exceptions": [*asked["exceptions"], exception],
    }
    gate.change_policy(**weakened)
    message = gate.here.wait_for("packageindex", "main", "PolicyInForce", "MinimumRaised")
    assert "cooldown" in message
    assert "malware" in message
    gate.here.wait_for("packageindex", "main", "ExceptionsCurrent", "BeyondMinimum")
    assert gate.statuses(OTHER.path) == [403] * REPLICAS
    assert gate.statuses(EVIL.path) == [403] * REPLICAS
    gate.change_policy(**{name: asked[name] for name in weakened})
    gate.here.wait_for("packageindex", "main", "PolicyInForce", "InForce")


def test_a_compromised_release_is_blocked_at_once_and_the_index_knows_who_has_it(
    gate: Gate,
) -> None:
    """The drill of docs/operations.md: from the alert to blocked, to a list of its users, to lifted."""
    assert "Successfully installed" in gate.installed
    reason = "INC-7: the token of its author was stolen"
    for each in (str(STOLEN), LOCAL):
        assert reason in gate.wheelyard("quarantine", each, "--reason", reason)
        path = gate.local if each == LOCAL else STOLEN.path
        assert gate.statuses(path) == [403] * REPLICAS, "in force everywhere when the command ends"
    printed = gate.job(f"pip install --no-deps {STOLEN}", f"uv pip install --no-deps {url(STOLEN.path)}")
    assert f"No matching distribution found for {STOLEN}" in printed
    assert reason in printed
    assert reason in gate.wheelyard("why", str(STOLEN))
    gate.look()
    assert reason in gate.here.wait_for("packageindex", "main", "Quarantined", "ByHand")

    account = f"system:serviceaccount:{gate.here.namespace}:{BUILDER}"
    for each in (str(STOLEN), LOCAL):
        # Each server writes what it counted within a minute.
        eventually(lambda: account in gate.wheelyard("fetched", each), "who has it is known")  # noqa: B023

    for each in (str(STOLEN), LOCAL):
        gate.wheelyard("quarantine", each, "--lift")
    assert gate.statuses(STOLEN.path) == gate.statuses(gate.local) == [200] * REPLICAS
    gate.look()
    eventually(lambda: not gate.here.condition("packageindex", "main", "Quarantined")[0], "the condition has gone")


def test_the_receiver_gets_signed_events_of_all_of_this(gate: Gate) -> None:
    def announced(kind: str, key: str) -> set[str]:
        return {event[key] for event in gate.security.events(kind)}

    refused = {"cooldown", "malware", "quarantine"}
    eventually(lambda: announced("blocked", "rule") >= refused, "refusals are announced")
    eventually(lambda: announced("published", "project") == {LOCAL}, "a publication is announced")
    eventually(lambda: announced("exception.used", "reason") == {"SEC-1", "SEC-412"}, "uses of exceptions, too")
    eventually(lambda: announced("malware.fetched", "project") >= {TENSOR}, "malware that clients have, too")
    received = gate.security.received()
    assert all(each.is_signed_with(SECRET) for each in received)
    assert not any(each.is_signed_with("a secret that the receiver lacks") for each in received)
    gate.here.wait_for("packageindex", "main", "WebhookReady", "Sending")
