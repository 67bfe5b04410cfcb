from collections.abc import Callable

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from prometheus_client import generate_latest

from unit.wheelyard_operator.fakes import FakeKube, index_body
from wheelyard_operator.kube import ApiError
from wheelyard_operator.process.calls import Calls, GuardedKube
from wheelyard_operator.process.leadership import Alone, LeadershipLostError
from wheelyard_operator.process.metrics import Metrics
from wheelyard_operator.provision.clients import Clients
from wheelyard_operator.provision.issuer_answers import IssuerError
from wheelyard_operator.provision.server_probe import Answer
from wheelyard_operator.resource import Manifest
from wheelyard_operator.settings import Settings


class Guard:
    """The guard of calls, and what it has counted."""

    def __init__(self) -> None:
        self.leader = Alone()
        self.metrics = Metrics()
        self.heartbeats = 0
        self.calls = Calls(self.leader, self.metrics, self.record)

    def record(self) -> None:
        self.heartbeats += 1

    def counted(self) -> list[str]:
        """Return the lines of the metrics that count requests."""
        text = generate_latest(self.metrics.registry).decode()
        return [line for line in text.splitlines() if "_requests_total{" in line]


@pytest.fixture
def guard() -> Guard:
    return Guard()


CONFIG: Manifest = {"kind": "ConfigMap", "metadata": {"name": "x", "namespace": "packages"}}


def test_an_operator_that_does_not_lead_may_read_but_not_write(guard: Guard) -> None:
    cluster = FakeKube(index_body())
    kube = GuardedKube(cluster, guard.calls)
    guard.leader.resign()
    writes: tuple[Callable[[], object], ...] = (
        lambda: kube.apply(CONFIG),
        lambda: kube.create({"kind": "Event", "metadata": {}}),
        lambda: kube.patch("PackageIndex", "packages", "main", {"status": {}}, "status"),
        lambda: kube.delete("PackageIndex", "packages", "main", "uid-of-main"),
    )
    for write in writes:
        with pytest.raises(LeadershipLostError):
            write()
    assert (cluster.writes, cluster.events) == ([], [])
    assert kube.get("PackageIndex", "packages", "main")
    assert len(kube.list("PackageIndex")) == 1
    assert kube.document("/openid/v1/jwks")


def test_the_leaders_writes_arrive(guard: Guard) -> None:
    cluster = FakeKube(index_body())
    kube = GuardedKube(cluster, guard.calls)
    kube.apply(CONFIG)
    kube.patch("PackageIndex", "packages", "main", {"status": {"url": "u"}}, "status")
    kube.create({"kind": "Event", "metadata": {}})
    kube.delete("PackageIndex", "packages", "main", "uid-of-main")
    assert [each.split()[0] for each in cluster.writes] == ["apply", "patch", "delete"]
    assert len(cluster.events) == 1
    assert guard.heartbeats == 4


def test_requests_to_the_api_server_are_counted_without_names(guard: Guard) -> None:
    kube = GuardedKube(FakeKube(index_body()), guard.calls)
    kube.get("PackageIndex", "packages", "main")
    kube.get("PackageIndex", "packages", "gone")
    kube.apply(CONFIG)
    with pytest.raises(ApiError):
        kube.apply({**CONFIG, "metadata": {**CONFIG["metadata"], "uid": "another"}})
    name = "wheelyard_operator_kubernetes_requests_total"
    assert guard.counted() == [
        f'{name}{{kind="PackageIndex",status="ok",verb="get"}} 2.0',
        f'{name}{{kind="ConfigMap",status="ok",verb="apply"}} 1.0',
        f'{name}{{kind="ConfigMap",status="409",verb="apply"}} 1.0',
    ]
    assert guard.heartbeats == 4


@mock_aws
def test_requests_to_aws_are_counted_and_end_with_the_leadership(
    guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, "testing")
    clients = Clients(Settings(image="w:1"), guard.calls.watch_client)
    clients.own_s3("us-east-1").create_bucket(Bucket="acme")
    with pytest.raises(ClientError):
        clients.iam.get_user(UserName="nobody")
    name = "wheelyard_operator_aws_requests_total"
    told = guard.counted()
    assert f'{name}{{operation="CreateBucket",service="s3",status="200"}} 1.0' in told
    assert f'{name}{{operation="GetUser",service="iam",status="404"}} 1.0' in told
    assert guard.heartbeats == 2
    guard.leader.resign()
    with pytest.raises(LeadershipLostError):
        clients.own_s3("us-east-1").delete_bucket(Bucket="acme")
    with pytest.raises(LeadershipLostError):
        clients.iam.create_user(UserName="somebody")
    assert guard.counted() == told
    assert [each["Name"] for each in boto3.client("s3").list_buckets()["Buckets"]] == ["acme"]


def test_an_attempt_without_an_answer_is_counted_and_is_a_heartbeat(
    guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, "testing")
    clients = Clients(Settings(image="w:1", s3_endpoint="http://127.0.0.1:9"), guard.calls.watch_client)
    with pytest.raises(Exception, match="Could not connect"):
        clients.own_s3("us-east-1").head_bucket(Bucket="acme")
    (line,) = guard.counted()
    assert line.endswith('{operation="HeadBucket",service="s3",status="none"} 2.0')
    assert guard.heartbeats == 2


def fetch(url: str) -> Manifest:
    if url != "https://ci.example":
        raise IssuerError(url)
    return {}


def test_requests_to_issuers_are_counted_and_are_heartbeats(guard: Guard) -> None:
    counted = guard.calls.to_issuers(fetch)
    assert counted("https://ci.example") == {}
    with pytest.raises(IssuerError):
        counted("https://silent.example")
    name = "wheelyard_operator_http_requests_total"
    assert guard.counted() == [
        f'{name}{{service="issuer",status="ok"}} 1.0',
        f'{name}{{service="issuer",status="none"}} 1.0',
    ]
    assert guard.heartbeats == 2


def test_requests_to_index_servers_are_counted_and_are_heartbeats(guard: Guard) -> None:
    answers = {"one": Answer(usable=True, known_format=2)}
    ask = guard.calls.to_servers(lambda pod: answers.get(pod["metadata"]["name"]))
    assert ask({"metadata": {"name": "one"}}) == answers["one"]
    assert ask({"metadata": {"name": "silent"}}) is None
    name = "wheelyard_operator_http_requests_total"
    assert guard.counted() == [
        f'{name}{{service="server",status="ok"}} 1.0',
        f'{name}{{service="server",status="none"}} 1.0',
    ]
    assert guard.heartbeats == 2


def test_without_leadership_issuers_and_servers_may_still_be_asked(guard: Guard) -> None:
    guard.leader.resign()
    assert guard.calls.to_issuers(fetch)("https://ci.example") == {}
    assert guard.calls.to_servers(lambda _: None)({}) is None
