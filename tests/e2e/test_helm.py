"""The packaged chart through the life of a release: installed, upgraded, rolled back, gone and back again.

Indexes are used all the while, and no client notices: their pods are not even replaced.
"""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mypy_boto3_s3 import S3Client

from cluster import Cluster
from support.busy import busy_index
from support.here import Here
from support.kubectl import eventually, run
from support.load import wheel
from support.mainjob import CHART, SYSTEM, MainJob

OPERATIONS_A_SECOND = 60
OPERATOR = "app.kubernetes.io/component=operator"
NEW_VALUES = ("--set=replicas=2", "--set=monitoring.dashboard.enabled=true", "--set=podLabels.of=the-next")
"""What the next version is installed with; its pods differ by the label, as the image is the same."""


@pytest.fixture
def packaged(cluster: Cluster, tmp_path: Path) -> Callable[[str], Path]:
    """Package the chart as this version."""

    def package(version: str) -> Path:
        options = ("--version", version, "--app-version", version, "--destination", str(tmp_path))
        done = run(cluster, str(cluster.helm), "package", str(CHART), *options)
        assert done.returncode == 0, done.stderr
        return tmp_path / f"wheelyard-{version}.tgz"

    return package


@pytest.fixture
def without(operator: MainJob) -> Iterator[MainJob]:
    """Take the release of all tests away, and bring it back afterwards."""
    operator.uninstall_operator()
    yield operator
    operator.install_operator()


class Watched:
    """What stays as it is, whatever becomes of the release."""

    def __init__(self, here: Here, s3: S3Client, bucket: str) -> None:
        self._here, self._s3, self._bucket = here, s3, bucket
        self._mine = ("-n", here.namespace)

    def servers(self) -> Any:
        """Return the pods of the index with their restarts, and how often its Deployment has changed."""
        pods = self._here.kubectl.get(*self._mine, "pods", "-l", "wheelyard.dev/index=main")["items"]
        counts = {pod["metadata"]["uid"]: pod["status"]["containerStatuses"][0]["restartCount"] for pod in pods}
        return counts, self._here.kubectl.get(*self._mine, "deployment", "wheelyard-main")["metadata"]["generation"]

    def resources(self) -> dict[str, str]:
        """Return the CRDs and what was made of them, by their uid."""
        crds = self._here.kubectl.get(
            "crds", "packageindexes.wheelyard.dev", "indexusers.wheelyard.dev", "packageexceptions.wheelyard.dev"
        )["items"]
        mine = self._here.kubectl.get(*self._mine, "packageindexes,indexusers")["items"]
        return {each["metadata"]["uid"]: each["metadata"]["name"] for each in (*crds, *mine)}

    def files(self) -> set[str]:
        """Return what is in the bucket of packages."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix="files/")
        return {each["Key"] for page in pages for each in page.get("Contents", ())}

    def is_reconciled(self, user: str) -> None:
        """See that the operator that runs now has looked at the index: a new user of it can log in."""
        self._here.apply("IndexUser", user, {"indexRef": {"name": "main"}})
        self._here.wait_for("indexuser", user, "Ready", "LoginInForce")


def operators(here: Here) -> list[Any]:
    pods: list[Any] = here.kubectl.get("-n", SYSTEM, "pods", "-l", OPERATOR)["items"]
    return [pod["metadata"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def publish(here: Here, project: str) -> None:
    """Publish a package with twine."""
    login, file = here.kubectl.secret(here.namespace, "ci-pypi"), f"/tmp/{project}-1-py3-none-any.whl"  # noqa: S108
    here.in_client("sh", "-ec", f"base64 -d > {file}", stdin=base64.b64encode(wheel(project, "1")).decode())
    options = ("--non-interactive", "--disable-progress-bar", "--repository-url", "http://wheelyard-main/legacy/")
    here.in_client("twine", "upload", *options, "-u", login["username"], "-p", login["password"], file)


def install(here: Here, project: str) -> None:
    """Install a package with pip, from nowhere else."""
    login, target = here.kubectl.secret(here.namespace, "ci-pypi"), f"/tmp/installed-{project}"  # noqa: S108
    url = f"http://{login['username']}:{login['password']}@wheelyard-main/simple/"
    trust = ("--trusted-host", "wheelyard-main", "--no-cache-dir", "--quiet")
    here.in_client("pip", "install", "--index-url", url, *trust, "--target", target, project)
    here.in_client("test", "-f", f"{target}/{project}.py")


@pytest.mark.alone
def test_a_release_comes_changes_and_goes_and_indexes_are_used_all_the_while(
    without: MainJob, here: Here, bucket: str, cluster: Cluster, s3: S3Client, packaged: Callable[[str], Path]
) -> None:
    watched = Watched(here, s3, bucket)
    assert operators(here) == []
    without.install_operator(chart=packaged("0.0.9"))
    without.test_operator()

    with busy_index(here, bucket, cluster, OPERATIONS_A_SECOND) as busy:
        publish(here, "main_job")
        install(here, "main_job")
        servers, first = watched.servers(), operators(here)

        without.install_operator(chart=packaged("99.0.0"), options=NEW_VALUES)
        second = operators(here)
        assert [each["labels"]["of"] for each in second] == ["the-next"] * 2
        assert not {each["uid"] for each in first} & {each["uid"] for each in second}
        without.test_operator()
        watched.is_reconciled("of-the-next")

        without.roll_back_operator()
        eventually(lambda: len(operators(here)) == 1, "one operator is left")
        assert "of" not in operators(here)[0]["labels"]
        watched.is_reconciled("of-the-one-before")

        resources, files = watched.resources(), watched.files()
        without.uninstall_operator()
        assert operators(here) == []
        publish(here, "without_operator")
        install(here, "without_operator")
        assert watched.resources() == resources
        assert watched.files() > files

        without.install_operator(chart=packaged("99.0.0"), options=NEW_VALUES)
        watched.is_reconciled("of-the-last")
        assert watched.servers() == servers

        result = busy.end()
    assert (result["failed"], result["failures"]) == (0, [])
    assert result["counts"]["upload"] > 0
