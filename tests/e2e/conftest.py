"""The main job, done once for all e2e tests on the cluster that is up."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from mypy_boto3_iam import IAMClient
from mypy_boto3_s3 import S3Client

from cluster import Cluster, ClusterError, connect, traefik
from cluster.paths import locked
from support import buckets, rights
from support.here import Here
from support.kubectl import Kubectl, eventually
from support.mainjob import MainJob
from support.rights import Verdict
from support.tls import Certificate, certify

OURS = "wheelyard.dev/e2e"
"""Label of the namespaces that tests make."""
VERDICT = pytest.StashKey[Verdict]()
LEFT_OUT = pytest.StashKey[bool]()


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Note that not every test runs."""
    items[0].config.stash[LEFT_OUT] = True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was found of the operator's rights, and what was not looked at."""
    if verdict := terminalreporter.config.stash.get(VERDICT, None):
        terminalreporter.write_line(verdict.summary)


def _rights_of(job: MainJob, *, whole_suite: bool) -> Verdict:
    if job.cluster.audit_log is None:
        return Verdict((), "the operator's rights were not looked at: this kind of cluster shows no audit log")
    modes: tuple[tuple[str, ...], ...] = ((), ("one",))
    grants = {places: rights.granted(job.rendered_chart(*places)) for places in modes}
    found = rights.requests(job.cluster.audit_log, job.installs[0].begin - timedelta(minutes=1))
    return rights.verdict(found, job.installs, grants, whole_suite=whole_suite)


def _is_whole_suite(session: pytest.Session) -> bool:
    """Whether every test of this folder was to run, and none has failed."""
    files = {item.path for item in session.items}
    every = set(Path(__file__).parent.glob("test_*.py"))
    selected = any("::" in argument for argument in session.config.args)
    return every <= files and not (selected or session.testsfailed or session.config.stash.get(LEFT_OUT, False))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Find the cluster that `make cluster-up` has brought up; without one these tests fail.

    It is this run's alone. What a killed run has left there is removed.
    """
    with locked("main-job"):
        found = connect()
        Kubectl(found)("delete", "namespaces", "--selector", OURS, "--wait=false")
        yield found


@pytest.fixture(scope="session")
def kubectl(cluster: Cluster) -> Kubectl:
    return Kubectl(cluster)


@pytest.fixture(scope="session")
def operator(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[MainJob]:
    """Run the operator as users do: by its chart. In the end, hold its roles against what it has asked for."""
    job = MainJob(cluster)
    job.install_operator()
    yield job
    request.config.stash[VERDICT] = found = _rights_of(job, whole_suite=_is_whole_suite(request.session))
    if found.wrong:
        pytest.fail("\n".join(found.wrong))


@pytest.fixture(scope="session")
def distributions(main_job_ready: MainJob, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Build and download what the main job publishes."""
    return main_job_ready.collect_distributions(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def main_job(main_job_ready: MainJob, distributions: list[Path]) -> MainJob:
    """Give the quick start with packages published."""
    main_job_ready.publish(distributions)
    return main_job_ready


@pytest.fixture(scope="session")
def main_job_ready(operator: MainJob, s3: S3Client) -> MainJob:
    """Apply the quick start on an empty bucket, and wait until it is ready."""
    operator.kubectl.attempt("-n", "packages", "delete", "packageindex", "main", "--ignore-not-found")
    buckets.empty(s3, "wheelyard-quickstart")
    operator.apply("quickstart.yaml")
    operator.wait_until_ready("packageindex", "main", "packages")
    operator.wait_until_ready("indexuser", "ci", "packages")
    operator.wait_until_ready("indexuser", "web", "team-web")
    operator.start_publisher()
    return operator


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[str]:
    """Make a namespace of the test's own."""
    with new_namespace(kubectl) as name:
        yield name


@pytest.fixture
def other_namespace(kubectl: Kubectl) -> Iterator[str]:
    """Make another one."""
    with new_namespace(kubectl) as name:
        yield name


@contextmanager
def new_namespace(kubectl: Kubectl) -> Iterator[str]:
    """Make a namespace and delete it.

    What is in it goes before it does. Kubernetes deletes a namespace's pods first and then comes back for the rest
    after half of their grace period, which is minutes for an index server.
    """
    name = f"e2e-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    kubectl("label", "namespace", name, f"{OURS}=")
    yield name
    kubectl("-n", name, "delete", "packageindexes,indexusers", "--all", "--timeout=60s")
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def s3(cluster: Cluster) -> S3Client:
    return boto3.client(
        "s3",
        endpoint_url=cluster.s3.endpoint,
        region_name=cluster.s3.region,
        aws_access_key_id=cluster.s3.access_key,
        aws_secret_access_key=cluster.s3.secret_key,
        config=Config(s3={"addressing_style": "path"}),
    )


@pytest.fixture(scope="session")
def iam(cluster: Cluster) -> IAMClient:
    return boto3.client(
        "iam",
        endpoint_url=cluster.s3.iam_endpoint,
        region_name=cluster.s3.region,
        aws_access_key_id=cluster.s3.access_key,
        aws_secret_access_key=cluster.s3.secret_key,
    )


@pytest.fixture
def here(operator: MainJob, namespace: str) -> Here:
    return Here(operator.kubectl, namespace)


@pytest.fixture
def bucket(s3: S3Client) -> Iterator[str]:
    """Name a bucket that does not exist, and remove it afterwards if it does."""
    name = f"e2e-{uuid.uuid4().hex[:8]}"
    yield name
    if name in [each["Name"] for each in s3.list_buckets()["Buckets"]]:
        eventually(lambda: _deleted(s3, name), "the bucket can be deleted", 30)


def _deleted(s3: S3Client, bucket: str) -> bool:
    """Try it: a server that is just starting or ending may still write to the bucket."""
    buckets.empty(s3, bucket)
    try:
        s3.delete_bucket(Bucket=bucket)
    except s3.exceptions.ClientError:
        return False
    return True


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Make a certificate for what is reached from outside; without Traefik there is no outside."""
    try:
        traefik.check()
    except ClusterError as error:
        pytest.skip(str(error))
    return certify(tmp_path_factory.mktemp("certificate"), "*.example.com")
