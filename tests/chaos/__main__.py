"""`python -m chaos`: four minutes of trouble for an index in use, and a table of what its clients saw."""

import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import boto3
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError

import cluster
from chaos import faults
from chaos.tally import Period, table, tally
from cluster.paths import locked
from support import buckets, load
from support.here import STOP_FILE, Here
from support.kubectl import eventually
from support.mainjob import MainJob

OPERATIONS_A_SECOND = 40
MAX_SECONDS = 500
CALM_SECONDS = 8
OUTAGE_SECONDS = 10
ON_ITS_WAY_SECONDS = 2
HEALING_SECONDS = 8
"""Within which clients may still see an outage that is over."""
SCRIPT = "/tmp/load.py"  # noqa: S108 - in a pod of our own
RESULT = "/tmp/result.json"  # noqa: S108 - in a pod of our own


class Run:
    """The run so far: what was done when."""

    def __init__(self, here: Here) -> None:
        self.here = here
        self.periods: list[Period] = []

    def during(self, name: str, fault: Callable[[], object], *, may_fail: bool = False) -> None:
        """Do it, and count what clients see meanwhile."""
        begin = time.time()
        said = fault()
        if isinstance(said, int):
            name = f"{name}, {said} times"
        self.periods.append(Period(name, begin, time.time(), may_fail))
        say(f"{name}: done after {time.time() - begin:.0f} s")

    def change_something(self) -> None:
        """Return the operator work that it will be in the midst of."""
        number = len(self.periods)
        self.here.apply("IndexUser", f"user-{number}", {"indexRef": {"name": "main"}})
        spec = {"limits": {"projectFiles": 5000 + number}}
        self.here.kubectl(
            *("-n", self.here.namespace, "patch", "packageindex", "main", "--type=merge"),
            *("-p", json.dumps({"spec": spec})),
        )


def say(text: str) -> None:
    """Tell what goes on."""
    print(f"  {text}", flush=True)  # noqa: T201


def main() -> int:
    """Run all of it; 0 if clients saw nothing but what they may, and everything came to rest by itself."""
    with locked("main-job"):
        job = MainJob(cluster.connect())
        say("installing the operator, and an index with two servers")
        job.install_operator()
        with _index(job, f"chaos-{uuid.uuid4().hex[:8]}") as here:
            harmless = _was_harmless(here)
            return 0 if _is_whole(here) and harmless else 1


def _was_harmless(here: Here) -> bool:
    """Make trouble under load and show what clients saw of it; whether that was what they may."""
    run = Run(here)
    _begin_load(here)
    problem = ""
    try:
        _trouble(run)
    except AssertionError as error:
        problem = f"WRONG: {error}"
    finally:
        here.stop_load()
    result = eventually(lambda: json.loads(here.in_client("cat", RESULT) or "null"), "the load has ended", 60)
    rows = tally(result["history"], run.periods)
    say(f"\n{table(rows)}\n")
    for line in (*result["failures"], problem):
        say(line)
    return not problem and not any(row.is_wrong for row in rows)


def _is_whole(here: Here) -> bool:
    """Wait until everything has come to rest by itself, and have the storage checked."""
    begin = time.monotonic()
    here.wait_for("packageindex", "main", "Ready", "Serving")
    here.wait_for("packageindex", "main", "Reconciling", "Settled")
    users = here.kubectl("-n", here.namespace, "get", "indexusers", "-o", "name").split()
    for user in users:
        here.wait_for("indexuser", user.rpartition("/")[2], "Ready", "LoginInForce")
    say(f"after {time.monotonic() - begin:.0f} s the index and its {len(users)} users are ready")
    # By a server's own credentials.
    settings = here.kubectl.get("-n", here.namespace, "configmap", "wheelyard-main")["data"]["index.yaml"]
    s3 = yaml.safe_load(settings)["storage"]["s3"]
    storage = f"s3://{s3['bucket']}?endpoint={s3['endpoint']}&region={s3['region']}"
    command = ("exec", "deploy/wheelyard-main", "--", "wheelyard", "verify", "--storage", storage)
    done = here.kubectl.attempt("-n", here.namespace, *command)
    say(f"wheelyard verify: {(done.stdout + done.stderr).strip()}")
    return done.returncode == 0


def _trouble(run: Run) -> None:
    here, kubectl = run.here, run.here.kubectl

    def killed() -> int:
        run.change_something()
        return faults.kill_operator(kubectl, 20)

    def cut() -> None:
        run.change_something()
        faults.cut_watches(kubectl, 12)

    def outage(*parts: str) -> Callable[[], None]:
        def happens() -> None:
            time.sleep(ON_ITS_WAY_SECONDS)  # what began just before may be hit
            with faults.away_for(OUTAGE_SECONDS, *parts):
                pass
            time.sleep(HEALING_SECONDS)

        return happens

    def calm() -> None:
        time.sleep(CALM_SECONDS)

    run.during("calm", calm)
    run.during("operator killed", killed)
    run.during("API server killed twice", lambda: faults.restart_api_server(2, away=5))
    run.during("watches cut, then unheard", cut)
    run.during("an index pod deleted", lambda: faults.delete_index_pod(here))
    run.during("access key rotated", lambda: faults.rotate_key(here))
    run.during("S3 away", outage("versitygw-s3"), may_fail=True)
    run.during("calm after S3", calm)
    run.during("IAM away", outage("versitygw-iam"), may_fail=True)
    run.during("calm after IAM", calm)


@contextmanager
def _index(job: MainJob, name: str) -> Iterator[Here]:
    """Have an index in a namespace of its own, with a user and a pod for the load."""
    kubectl, s3 = job.kubectl, job.cluster.s3
    client = boto3.client(
        "s3",
        endpoint_url=s3.endpoint,
        region_name=s3.region,
        aws_access_key_id=s3.access_key,
        aws_secret_access_key=s3.secret_key,
        config=Config(s3={"addressing_style": "path"}),
    )
    kubectl("create", "namespace", name)
    kubectl("label", "namespace", name, "wheelyard.dev/e2e=")
    here = Here(kubectl, name)
    grants = [{"subjects": [f"user:{name}.ci"], "verbs": ["read", "publish"]}]
    try:
        here.index(name, spec={"replicas": faults.REPLICAS, "access": {"grants": grants}})
        here.apply("IndexUser", "ci", {"indexRef": {"name": "main"}})
        here.client_pod(job.cluster)
        here.wait_for("packageindex", "main", "Reconciling", "Settled")
        here.wait_for("indexuser", "ci", "Ready", "LoginInForce")
        yield here
    finally:
        kubectl(
            "-n", name, "delete", "packageindexes,indexusers,pods", "--all", "--timeout=90s", "--grace-period=1"
        )
        kubectl("delete", "namespace", name, "--wait=false")
        buckets.empty(client, name)
        with suppress(ClientError):
            client.delete_bucket(Bucket=name)


def _begin_load(here: Here) -> None:
    """Start it in the pod, where it outlives the API server, and every connection through that."""
    time.sleep(2)  # so that every kube-proxy knows of the Service
    login = here.kubectl.secret(here.namespace, "ci-pypi")
    options = (login["username"], login["password"], str(OPERATIONS_A_SECOND), STOP_FILE, str(MAX_SECONDS))
    here.in_client("sh", "-c", f"cat > {SCRIPT}", stdin=Path(load.__file__).read_text())
    command = " ".join(("python3", SCRIPT, "http://wheelyard-main", *options))
    here.in_client("sh", "-c", f"setsid {command} > {RESULT} 2>&1 < /dev/null &")


if __name__ == "__main__":
    sys.exit(main())
