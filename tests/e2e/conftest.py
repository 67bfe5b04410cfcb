"""The main job, done once for all e2e tests on the cluster that is up."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from mypy_boto3_iam import IAMClient
from mypy_boto3_s3 import S3Client

from cluster import Cluster, ClusterError, connect, traefik
from cluster.paths import locked
from support import buckets, rights, temporary
from support.here import Here
from support.kubectl import Kubectl
from support.mainjob import MainJob
from support.rights import Verdict
from support.temporary import Removals, new_bucket, new_namespace
from support.tls import Certificate, certify

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
    """Return whether every test of this folder was to run, and none has failed."""
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
        Kubectl(found)("delete", "namespaces", "--selector", temporary.LABEL, "--wait=false")
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
    """Return the quick start with packages published."""
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


@pytest.fixture(scope="session")
def removals(operator: MainJob) -> Iterator[Removals]:  # noqa: ARG001 - it has to be there until all is gone
    """Remove what tests leave while the next ones run; in the end, see that all of it has gone."""
    removals = Removals()
    yield removals
    removals.wait()


@pytest.fixture
def namespace(kubectl: Kubectl, removals: Removals) -> Iterator[str]:
    """Make a namespace of the test's own."""
    with new_namespace(kubectl, removals) as name:
        yield name


@pytest.fixture
def other_namespace(kubectl: Kubectl, removals: Removals) -> Iterator[str]:
    """Make another one."""
    with new_namespace(kubectl, removals) as name:
        yield name


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
def bucket(s3: S3Client, removals: Removals) -> Iterator[str]:
    """Name a bucket of the test's own."""
    with new_bucket(s3, removals) as name:
        yield name


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Make a certificate for external access; without Traefik there is none."""
    try:
        traefik.check()
    except ClusterError as error:
        pytest.skip(str(error))
    return certify(tmp_path_factory.mktemp("certificate"), "*.example.com")
