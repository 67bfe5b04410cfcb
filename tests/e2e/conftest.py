"""The main job, done once for all e2e tests on the cluster that is up; they may run in several processes."""

import fcntl
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.config import Config
from mypy_boto3_iam import IAMClient
from mypy_boto3_s3 import S3Client

from cluster import Cluster, ClusterError, connect, traefik
from cluster.kinds import chosen
from cluster.paths import cache, locked
from support import buckets, rights, temporary
from support.configured_index import Unreachable, configured_index
from support.groups import Groups
from support.here import Here
from support.kubectl import CommandError, Kubectl
from support.mainjob import MainJob
from support.occupancy import Occupancy
from support.rights import Install, Verdict
from support.temporary import Removals, new_bucket, new_namespace
from support.tls import Certificate, certify


class Share(NamedTuple):
    """What one process of the tests sends to the one that judges the operator's rights."""

    installs: list[Any]
    """Packed `Install`s."""
    is_whole: bool
    """Whether every test of this folder was to run, in whichever process."""


SHARES = pytest.StashKey[list[Share]]()
INSTALLS = pytest.StashKey[list[Install]]()
VERDICT = pytest.StashKey[Verdict]()
LEFT_OUT = pytest.StashKey[bool]()
OCCUPANCY = pytest.StashKey[Occupancy]()
REMOVALS = pytest.StashKey[Removals]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SHARES] = []
    config.stash[OCCUPANCY] = occupancy = Occupancy(cache() / "e2e-occupancy.lock")
    config.stash[REMOVALS] = Removals(occupancy)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Have the cluster for all processes of this run."""
    hold = ExitStack()
    hold.enter_context(locked("main-job"))
    config.add_cleanup(hold.close)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    return Groups(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have those that need the cluster alone in the end."""
    items.sort(key=lambda item: item.get_closest_marker("alone") is not None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Run a test with others at the same time, or alone, with all that it sets up and takes down."""
    occupancy = item.config.stash[OCCUPANCY]
    if item.get_closest_marker("alone") is None:
        with occupancy.with_others():
            return (yield)
    with occupancy.alone():
        try:
            return (yield)
        finally:
            item.config.stash[REMOVALS].settle()


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Note that not every test runs."""
    items[0].config.stash[LEFT_OUT] = True


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take in what a process sends at its end; one that has crashed sends nothing."""
    if share := getattr(node, "workeroutput", {}).get("share"):
        node.config.stash[SHARES].append(Share(*share))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hold the operator's roles against what it has asked for, in all processes together."""
    config = session.config
    packed = [each.packed for each in config.stash.get(INSTALLS, ())]
    share = Share(packed, _is_whole_suite(session))
    if hasattr(config, "workeroutput"):
        config.workeroutput["share"] = tuple(share)
        return
    shares = config.stash[SHARES] or [share]
    if any(each.installs for each in shares):
        _judge(session, shares)


def _judge(session: pytest.Session, shares: list[Share]) -> None:
    whole_suite = all(each.is_whole for each in shares) and not session.testsfailed
    installs = {Install.unpacked(each) for share in shares for each in share.installs}
    try:
        found = _rights_by(sorted(installs, key=lambda each: each.begin), whole_suite=whole_suite)
    except (ClusterError, CommandError, AssertionError) as error:
        found = Verdict((str(error),), "the operator's rights could not be judged")
    session.config.stash[VERDICT] = found
    if found.wrong:
        _fail(session, "\n".join(found.wrong))


def _fail(session: pytest.Session, message: str) -> None:
    """Report an error as one of a fixture at the end of all tests."""
    name = f"{Path(__file__).relative_to(session.config.rootpath)}::operator"
    location = (__file__, None, "operator")
    report = pytest.TestReport(name, location, {}, "failed", message, "teardown")
    session.config.hook.pytest_runtest_logreport(report=report)
    session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was found of the operator's rights, and what was not looked at."""
    if verdict := terminalreporter.config.stash.get(VERDICT, None):
        terminalreporter.write_line(verdict.summary)


def _rights_by(installs: list[Install], *, whole_suite: bool) -> Verdict:
    job = MainJob(chosen().connect(with_images=False))
    if job.cluster.audit_log is None:
        return Verdict((), "the operator's rights were not looked at: this kind of cluster shows no audit log")
    modes: tuple[tuple[str, ...], ...] = ((), ("one",))
    grants = {places: rights.granted(job.rendered_chart(*places)) for places in modes}
    found = rights.requests(job.cluster.audit_log, installs[0].begin - timedelta(minutes=1))
    return rights.verdict(found, installs, grants, whole_suite=whole_suite)


def _is_whole_suite(session: pytest.Session) -> bool:
    """Return whether every test of this folder was to run."""
    files = {item.path for item in session.items}
    every = set(Path(__file__).parent.glob("test_*.py"))
    selected = any("::" in argument for argument in session.config.args)
    return every <= files and not (selected or session.config.stash.get(LEFT_OUT, False))


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Find the cluster that `make cluster-up` has brought up; without one these tests fail.

    It is this run's alone.
    """
    with ExitStack() as hold:
        if not hasattr(request.config, "workerinput"):
            hold.enter_context(locked("main-job"))
        yield connect()


@pytest.fixture(scope="session")
def kubectl(cluster: Cluster) -> Kubectl:
    return Kubectl(cluster)


@pytest.fixture(scope="session")
def operator(cluster: Cluster, request: pytest.FixtureRequest, shared_folder: Path) -> MainJob:
    """Run the operator as users do, by its chart: one for all processes of this run."""
    job = MainJob(cluster, upstream_hosts=_public_hosts())
    record = shared_folder / "installs.json"
    with (shared_folder / "installs.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not record.exists():
            _remove_leftovers(job.kubectl)
            job.install_operator()
            record.write_text(json.dumps([each.packed for each in job.installs]))
    job.installs[:] = map(Install.unpacked, json.loads(record.read_text()))
    request.config.stash[INSTALLS] = job.installs
    return job


def _remove_leftovers(kubectl: Kubectl) -> None:
    """Remove what a killed run has left."""
    kubectl("delete", "namespaces", "--selector", temporary.LABEL, "--wait=false")


@pytest.fixture(scope="session")
def shared_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all processes of this run have."""
    mine = tmp_path_factory.getbasetemp()
    return mine.parent if hasattr(request.config, "workerinput") else mine


def _public_hosts() -> Sequence[str]:
    try:
        return configured_index().hosts
    except Unreachable:
        return ()


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
def removals(operator: MainJob, request: pytest.FixtureRequest) -> Iterator[Removals]:  # noqa: ARG001 - it has to be there until all is gone
    """Remove what tests leave while the next ones run; in the end, see that all of it has gone."""
    yield request.config.stash[REMOVALS]
    request.config.stash[REMOVALS].check()


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
