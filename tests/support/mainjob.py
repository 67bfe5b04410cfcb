"""The main job in steps, for `make demo` and for the tests: install, apply, publish, install in a pod."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from cluster import Cluster
from support import public_index, security_team
from support.kubectl import CommandError, Kubectl, eventually, run
from support.rights import Install
from support.upstreams.stock import APP

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
CHART = ROOT / "charts/wheelyard"
SYSTEM = "wheelyard-system"
ISSUER = "http://issuer.trusted.svc.cluster.local"
SIGN_ON_ISSUER = "https://dex.example.com"
"""The provider of the example, which does not exist."""
"""The CI service that the e2e tests play."""
ALLOWED_BUCKETS = ("e2e-*", "wheelyard-*")
"""Those of the tests and of the examples."""
ALLOWED_HOSTS = ("*.example.com", "*.example.org")
POLICY_MINIMUM = {
    "cooldown": {"age": "1d"},
    "malware": "Block",
    "exceptions": {"maximum": "90d", "never": ["malware"]},
}
"""What no index gets less than."""
CLIENT_IMAGE_OF_EXAMPLES = "python:3.13-slim"

WHEELS = ("requests", "flask")
"""With all that they need, except what comes as an sdist."""
SDISTS = ("itsdangerous", "blinker")
BUILD_TOOLS = ("flit-core>=3.11,<4",)
"""What those sdists and hello-wheelyard are built with."""


@dataclass(frozen=True)
class MainJob:
    """The steps, on one cluster."""

    cluster: Cluster
    installs: list[Install] = field(default_factory=list)
    """When the operator was installed or taken away, and for which namespaces."""
    upstream_hosts: Sequence[str] = ()
    """For the chart's `upstreams.allowedHosts`, in addition to PyPI and the indexes of the tests."""

    @property
    def kubectl(self) -> Kubectl:
        """Return kubectl on this cluster."""
        return Kubectl(self.cluster)

    def install_operator(self, *namespaces: str, chart: Path = CHART, options: Sequence[str] = ()) -> None:
        """Install or upgrade the operator, CRDs included, for these namespaces or for all; return when it runs.

        `options` are more of helm's.
        """
        begin = datetime.now(UTC)
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}}
        s3 = self.cluster.s3
        credentials = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "aws", "namespace": SYSTEM},
            "stringData": {"AWS_ACCESS_KEY_ID": s3.access_key, "AWS_SECRET_ACCESS_KEY": s3.secret_key},
        }
        for manifest in (namespace, credentials):
            self.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(manifest))
        repository, _, tag = self.cluster.images.wheelyard.rpartition(":")
        values = {
            "image.repository": repository,
            "image.tag": tag,
            "aws.region": s3.region,
            "aws.credentialsSecret": "aws",
            "aws.endpoints.s3": s3.endpoint,
            "aws.endpoints.iam": s3.iam_endpoint,
            "oidc.allowedIssuers[0]": ISSUER,
            "oidc.allowedIssuers[1]": SIGN_ON_ISSUER,
        }
        self._forget_interrupted_install()
        sets = [f"--set-string={key}={value}" for key, value in values.items()]
        lists = {
            "namespaces": namespaces,
            "aws.allowedBuckets": ALLOWED_BUCKETS,
            "external.allowedHosts": ALLOWED_HOSTS,
            "upstreams.allowedHosts": (
                *("pypi", "osv"),
                *public_index.ALLOWED_HOSTS,
                security_team.ALLOWED_FEED,
                *self.upstream_hosts,
            ),
            "webhooks.allowedHosts": (security_team.ALLOWED_RECEIVER,),
            "policy.minimum": POLICY_MINIMUM,
        }
        sets += [f"--set-json={key}={json.dumps(value)}" for key, value in lists.items()]
        sets += ["--set=aws.keyOverlap=5s"]
        self._helm("upgrade", "--install", "wheelyard", str(chart), "--take-ownership", *sets, *options)
        self.installs.append(Install(begin, datetime.now(UTC), namespaces))

    def roll_back_operator(self) -> None:
        """Go back to what was installed before; return when it runs."""
        begin = datetime.now(UTC)
        self._helm("rollback", "wheelyard")
        self.installs.append(Install(begin, datetime.now(UTC), self.installs[-1].namespaces))

    def uninstall_operator(self) -> None:
        """Take the release away as users do, and the Lease that it leaves; return when the operator has gone."""
        begin = datetime.now(UTC)
        self._helm("uninstall", "wheelyard")
        # Its pods end after it, and ask for their Lease until then.
        pods = ("-n", SYSTEM, "get", "pods", "-l", "app.kubernetes.io/component=operator", "-o", "name")
        eventually(lambda: not self.kubectl(*pods), "the operator has gone")
        self.kubectl("-n", SYSTEM, "delete", "lease", "wheelyard-operator", "--ignore-not-found")
        self.installs.append(Install(begin, datetime.now(UTC), self.installs[-1].namespaces))

    def test_operator(self) -> None:
        """Run `helm test`."""
        self._helm("test", "wheelyard", wait=())

    def _helm(self, *arguments: str, wait: Sequence[str] = ("--wait",)) -> None:
        options = ("--namespace", SYSTEM, *wait, "--timeout", "150s")
        done = run(self.cluster, str(self.cluster.helm), *arguments, *options)
        if done.returncode:
            logs = self.kubectl.attempt("-n", SYSTEM, "logs", "deploy/wheelyard-operator", "--tail=50").stdout
            raise CommandError(f"helm: {done.stdout}{done.stderr}\n{logs}")

    def rendered_chart(self, *namespaces: str) -> list[Any]:
        """Return what the chart has for these namespaces, or for all, as objects."""
        command = (str(self.cluster.helm), "template", "wheelyard", str(CHART))
        done = run(self.cluster, *command, "--namespace", SYSTEM, f"--set-json=namespaces={json.dumps(namespaces)}")
        if done.returncode:
            raise CommandError(f"helm: {done.stderr}")
        return [each for each in yaml.safe_load_all(done.stdout) if each]

    def _forget_interrupted_install(self) -> None:
        """Remove helm's note of a run that was killed: it refuses every other run as long as that stands there."""
        pending = "owner=helm,name=wheelyard,status in (pending-install,pending-upgrade,pending-rollback)"
        self.kubectl("-n", SYSTEM, "delete", "secret", "--selector", pending)

    def manifest(self, example: str) -> str:
        """Return an example with the image that this cluster has."""
        text = (EXAMPLES / example).read_text()
        return text.replace(CLIENT_IMAGE_OF_EXAMPLES, self.cluster.images.client)

    def apply(self, example: str) -> str:
        """Apply an example."""
        return self.kubectl("apply", "-f", "-", stdin=self.manifest(example))

    def wait_until_ready(self, kind: str, name: str, namespace: str, seconds: int = 150) -> None:
        """Wait for the condition Ready; a failure shows what the resource says of itself."""
        waiting = ("wait", "--for=condition=Ready", f"{kind}/{name}", f"--timeout={seconds}s")
        done = self.kubectl.attempt("-n", namespace, *waiting)
        if done.returncode:
            described = self.kubectl("-n", namespace, "describe", kind, name)
            logs = self.kubectl.attempt("-n", SYSTEM, "logs", "deploy/wheelyard-operator", "--tail=50").stdout
            raise CommandError(f"{done.stderr}\n{described}\n{logs}")

    def start_publisher(self) -> None:
        """Start the pod that publishes; one from before may have an older token in its environment."""
        self.kubectl("-n", "packages", "delete", "pod", "publisher", "--ignore-not-found", "--wait")
        self.apply("publisher.yaml")
        self.kubectl("-n", "packages", "wait", "--for=condition=Ready", "pod/publisher", "--timeout=60s")

    def in_publisher(self, script: str) -> str:
        """Run a shell script in the pod that publishes."""
        return self.kubectl("-n", "packages", "exec", "publisher", "--", "sh", "-ec", script)

    def collect_distributions(self, folder: Path) -> list[Path]:
        """Build hello-wheelyard and download what it needs, fit for the publisher's Python; return all files."""
        version, machine = self._publisher_s_python()
        fit = folder / f"{version}-{machine}"
        ours, theirs = fit / "ours", fit / "theirs"
        if not (fit / "complete").exists():
            _python("-m", "build", "--outdir", str(ours), str(EXAMPLES / "hello-wheelyard"))
            platforms = [f"--platform={each}_{machine}" for each in ("manylinux_2_17", "manylinux2014")]
            download = ("-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--dest", str(theirs))
            binary = ("--only-binary=:all:", f"--python-version={version}", "--implementation=cp", *platforms)
            _python(*download, *binary, *WHEELS, *BUILD_TOOLS)
            for sdist in SDISTS:
                for wheel in theirs.glob(f"{sdist}-*.whl"):
                    wheel.unlink()
                _python(*download, "--no-deps", f"--no-binary={sdist}", sdist)
            (fit / "complete").touch()
        return sorted([*ours.iterdir(), *theirs.iterdir()])

    def publish(self, files: Sequence[Path]) -> None:
        """Publish what is ours with twine and what is theirs with uv, by the environment of the pod alone."""
        self.in_publisher("rm -rf /tmp/dist && mkdir /tmp/dist")
        for folder in sorted({file.parent for file in files}):
            self.kubectl("-n", "packages", "cp", str(folder), f"publisher:/tmp/dist/{folder.name}")
        self.in_publisher("twine upload --non-interactive --disable-progress-bar /tmp/dist/ours/*")
        self.in_publisher("uv publish --no-cache /tmp/dist/theirs/*")

    def install_in_jobs(self) -> dict[str, str]:
        """Run the Jobs of install-jobs.yaml again; return what each printed last, by its name."""
        jobs = ("install-as-user", "install-anonymously")
        self.kubectl("-n", "team-web", "delete", "job", *jobs, "--ignore-not-found", "--wait")
        self.apply("install-jobs.yaml")
        return {job: self._finished(job) for job in jobs}

    def add_upstream(self) -> None:
        """Let the index of the quickstart mirror the public index, and return when it does."""
        patch = json.dumps({"spec": {"upstreams": [public_index.PublicIndex(self.cluster).upstream]}})
        self.kubectl("-n", "packages", "patch", "packageindex", "main", "--type=merge", "-p", patch)
        ready = ("wait", "--for=condition=UpstreamsReady", "packageindex/main", "--timeout=150s")
        self.kubectl("-n", "packages", *ready)
        self.kubectl("-n", "packages", "rollout", "status", "deployment/wheelyard-main", "--timeout=150s")

    def install_public_in_job(self, job: str) -> str:
        """Run one Job of install-jobs.yaml again with a package of the public index; return its last line."""
        self.kubectl("-n", "team-web", "delete", "job", job, "--ignore-not-found", "--wait")
        ours, both = "--target /tmp/site hello-wheelyard", f"--target /tmp/site hello-wheelyard {APP}"
        imported = f"import {APP.replace('-', '_')}, hello_wheelyard;"
        text = self.manifest("install-jobs.yaml").replace(ours, both).replace("import hello_wheelyard;", imported)
        manifest = next(each for each in yaml.safe_load_all(text) if each["metadata"]["name"] == job)
        self.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
        return self._finished(job)

    def _finished(self, job: str) -> str:
        def ended() -> bool:
            status = self.kubectl.get("-n", "team-web", "job", job)["status"]
            return bool(status.get("succeeded") or status.get("failed"))

        eventually(ended, f"the Job {job} ends", 150)
        logs = self.kubectl("-n", "team-web", "logs", f"job/{job}")
        if not self.kubectl.get("-n", "team-web", "job", job)["status"].get("succeeded"):
            raise CommandError(f"the Job {job} failed:\n{logs}")
        return logs.splitlines()[-1]

    def _publisher_s_python(self) -> tuple[str, str]:
        script = "import platform, sys; print('%d.%d' % sys.version_info[:2], platform.machine())"
        version, machine = self.in_publisher(f'python3 -c "{script}"').split()
        return version, machine


def _python(*arguments: str) -> None:
    # With a fixed time stamp, the same source gives the same bytes, which may be published again.
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1767225600"}
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=180, check=False
    )
    if done.returncode:
        raise CommandError(f"python {' '.join(arguments)}: {done.stdout}{done.stderr}")
