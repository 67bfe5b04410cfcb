"""What a newcomer does, and what must not disturb it."""

import re
import threading
import time
from pathlib import Path
from typing import Self

import pytest

from support import mainjob
from support.kubectl import Kubectl, eventually
from support.mainjob import EXAMPLES, SYSTEM, MainJob

HELLO = r"hello from wheelyard 1\.0\.0 \(flask \d+\.\d+\.\d+, requests \d+\.\d+\.\d+\)"


def test_pods_of_another_namespace_install_as_a_user_and_with_no_credentials(main_job: MainJob) -> None:
    for job, line in main_job.install_in_jobs().items():
        assert re.fullmatch(HELLO, line), f"{job} printed {line!r}"


def test_kubectl_get_shows_what_is_worth_reading(main_job: MainJob) -> None:
    indexes = main_job.kubectl("-n", "packages", "get", "pkgidx").splitlines()
    assert indexes[0].split()[:2] == ["NAME", "READY"]
    assert indexes[1].split()[:2] == ["main", "True"]
    assert "http://wheelyard-main.packages.svc.cluster.local/" in indexes[1]
    users = main_job.kubectl("-n", "packages", "get", "idxuser").splitlines()
    assert users[1].split()[:2] == ["ci", "True"]
    assert "packageindex.wheelyard.dev/main" in main_job.kubectl("-n", "packages", "get", "wheelyard", "-o", "name")


def test_kubectl_scale_adds_a_replica_and_takes_it_away(main_job: MainJob) -> None:
    def ready() -> int:
        deployment = main_job.kubectl.get("-n", "packages", "deployment", "wheelyard-main")
        count: int = deployment["status"].get("readyReplicas", 0)
        return count

    main_job.kubectl("-n", "packages", "scale", "packageindex/main", "--replicas=3")
    eventually(lambda: ready() == 3, "three replicas are ready")
    main_job.kubectl("-n", "packages", "scale", "packageindex/main", "--replicas=2")
    eventually(lambda: ready() == 2, "two replicas are ready")


class Installing:
    """A pod that installs again and again, and counts what failed."""

    def __init__(self, main_job: MainJob) -> None:
        self.main_job = main_job
        self.installed = 0
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def wait_for(self, more: int) -> None:
        target = self.installed + more
        eventually(lambda: self.failures or self.installed >= target, f"{more} more installs")

    def _run(self) -> None:
        script = (
            "rm -rf /tmp/again && pip install --quiet --no-cache-dir --no-deps --target /tmp/again hello-wheelyard"
        )
        while not self._stop.is_set():
            done = self.main_job.kubectl.attempt("-n", "packages", "exec", "publisher", "--", "sh", "-ec", script)
            if done.returncode:
                self.failures.append(done.stdout + done.stderr)
            else:
                self.installed += 1


@pytest.mark.parametrize(
    ("namespace", "selector"),
    [("packages", "wheelyard.dev/index=main"), (SYSTEM, "app.kubernetes.io/component=operator")],
    ids=["an index server", "the operator"],
)
def test_killing_a_pod_does_not_disturb_installs(main_job: MainJob, namespace: str, selector: str) -> None:
    with Installing(main_job) as installing:
        installing.wait_for(1)
        pods = main_job.kubectl("-n", namespace, "get", "pods", "-l", selector, "-o", "name").split()
        main_job.kubectl("-n", namespace, "delete", pods[0], "--grace-period=0", "--force")
        installing.wait_for(4)
    assert installing.failures == []
    eventually(lambda: _all_ready(main_job.kubectl, namespace, selector), "the pod has a successor")


def _all_ready(kubectl: Kubectl, namespace: str, selector: str) -> bool:
    pods = kubectl.get("-n", namespace, "pods", "-l", selector)["items"]
    conditions = [each for pod in pods for each in pod["status"]["conditions"] if each["type"] == "Ready"]
    return bool(pods) and all(each["status"] == "True" for each in conditions)


def test_a_deleted_user_secret_comes_back_with_a_new_token_and_the_old_one_stops(
    main_job: MainJob, distributions: list[Path]
) -> None:
    kubectl = main_job.kubectl
    old = kubectl.secret("packages", "ci-pypi")["password"]
    assert _status(main_job, "packages.ci", old) == 200
    kubectl("-n", "packages", "delete", "secret", "ci-pypi")
    deleted = time.monotonic()
    new = eventually(lambda: kubectl.secret("packages", "ci-pypi")["password"], "the Secret is back")
    assert new != old
    eventually(lambda: _on_every_pod(main_job, old) == {401}, "no replica takes the old token")
    print(f"the old token had stopped after {time.monotonic() - deleted:.1f} s")  # noqa: T201
    eventually(lambda: _on_every_pod(main_job, new) == {200}, "every replica takes the new token")
    main_job.start_publisher()
    main_job.publish(distributions)


def _status(main_job: MainJob, user: str, token: str, host: str = "wheelyard-main") -> int:
    """Return the status of a request with a login, or with none for no user, made in the publisher's pod.

    A node may refuse connections to a new Service for a second or two, until its kube-proxy knows
    of it.
    """
    script = f"""
import base64, time, urllib.error, urllib.request
login = base64.b64encode(b"{user}:{token}").decode()
headers = {{"Authorization": "Basic " + login}} if "{user}" else {{}}
request = urllib.request.Request("http://{host}/simple/", headers=headers)
for attempt in range(10):
    try:
        print(urllib.request.urlopen(request, timeout=10).status)
    except urllib.error.HTTPError as error:
        print(error.code)
    except urllib.error.URLError as error:
        if attempt == 9 or not isinstance(error.reason, ConnectionRefusedError):
            raise
        time.sleep(1)
        continue
    break
"""
    return int(main_job.kubectl("-n", "packages", "exec", "publisher", "--", "python3", "-c", script))


def _on_every_pod(main_job: MainJob, token: str) -> set[int]:
    pods = main_job.kubectl.get("-n", "packages", "pods", "-l", "wheelyard.dev/index=main")["items"]
    addresses = [pod["status"]["podIP"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    return {_status(main_job, "packages.ci", token, f"{address}:8080") for address in addresses}


def test_a_reader_may_not_publish(main_job: MainJob) -> None:
    password = main_job.kubectl.secret("team-web", "web-pypi")["password"]
    refused = main_job.kubectl.attempt(
        *("-n", "packages", "exec", "publisher", "--", "sh", "-ec"),
        f"TWINE_USERNAME=team-web.web TWINE_PASSWORD={password} "
        "twine upload --non-interactive --disable-progress-bar /tmp/dist/ours/*",
    )
    assert refused.returncode != 0
    assert "no permission to publish" in " ".join((refused.stdout + refused.stderr).split())


def test_deleting_the_index_keeps_the_packages_and_applying_it_again_serves_them(main_job: MainJob) -> None:
    kubectl = main_job.kubectl
    kubectl("-n", "packages", "delete", "packageindex", "main", "--timeout=60s")
    eventually(lambda: not _children(kubectl), "no child is left")
    main_job.apply("quickstart.yaml")
    main_job.wait_until_ready("packageindex", "main", "packages")
    main_job.wait_until_ready("indexuser", "ci", "packages")
    main_job.wait_until_ready("indexuser", "web", "team-web")
    for line in main_job.install_in_jobs().values():
        assert re.fullmatch(HELLO, line)


def _children(kubectl: Kubectl) -> list[str]:
    kinds = "deployment,replicaset,pod,service,configmap,serviceaccount,poddisruptionbudget,secret"
    return [
        name for name in kubectl("-n", "packages", "get", kinds, "-o", "name").split() if "/wheelyard-main" in name
    ]


def test_every_example_is_applied_by_some_test() -> None:
    tests = "".join(path.read_text() for path in (*Path(__file__).parent.glob("*.py"), Path(mainjob.__file__)))
    assert [path.name for path in EXAMPLES.glob("*.yaml") if f'"{path.name}")' not in tests] == []
