"""Run the main job and tell what happens: `python -m demo up`, and `python -m demo down` to clean up."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cluster import ClusterError, connect
from cluster.kinds import chosen
from cluster.paths import cache, locked
from support.kubectl import CommandError
from support.mainjob import EXAMPLES, SYSTEM, MainJob
from support.public_index import NAMESPACE, PublicIndex

_BEGAN = time.monotonic()


def say(text: str) -> None:
    """Print a line of the story."""
    sys.stdout.write(f"[{time.monotonic() - _BEGAN:3.0f}s] {text}\n")
    sys.stdout.flush()


def up() -> None:
    """Go through the main job; what is there already is quick."""
    job = MainJob(connect())
    say("Installing the CRDs and the operator (about 10 seconds)")
    job.install_operator()
    say("kubectl apply -f examples/quickstart.yaml, and waiting until it is Ready (about 15 seconds)")
    job.apply("quickstart.yaml")
    job.wait_until_ready("packageindex", "main", "packages")
    job.wait_until_ready("indexuser", "ci", "packages")
    job.wait_until_ready("indexuser", "web", "team-web")
    _show(job.kubectl("get", "packageindexes,indexusers", "--all-namespaces"))
    say("Building hello-wheelyard and collecting what it needs (the first time about 30 seconds)")
    job.start_publisher()
    files = job.collect_distributions(_folder("dist"))
    say(f"Publishing {len(files)} wheels and sdists with twine and uv, by the environment of the user's Secret")
    job.publish(files)
    public = PublicIndex(job.cluster)
    say("Running a public index in another namespace, and making it an upstream (about 30 seconds)")
    public.start()
    job.add_upstream()
    say("Installing in a pod of a third namespace, as a user: hello-wheelyard and a public package, from one URL")
    first = job.install_public_in_job("install-as-user")
    say("Stopping the public index, and installing both again in another pod, with no credentials")
    public.stop()
    second = job.install_public_in_job("install-anonymously")
    public.start()
    _show(f"install-as-user: {first}\ninstall-anonymously, without the public index: {second}")
    _summarise(job, len(files))


def down() -> None:
    """Take away what `up` made, and the local cluster with it."""
    if os.environ.get("CLUSTER") == "current":
        _clean_current()
    else:
        chosen().down()


def _clean_current() -> None:
    job = MainJob(connect())
    for example in ("install-jobs.yaml", "publisher.yaml", "quickstart.yaml"):
        job.kubectl("delete", "--ignore-not-found", "-f", str(EXAMPLES / example))
    job.kubectl("delete", "namespace", SYSTEM, NAMESPACE, "--ignore-not-found")
    say("The bucket wheelyard-quickstart and its packages are kept: delete them by hand if you want to")


def _folder(name: str) -> Path:
    folder = cache() / "demo" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _show(text: str) -> None:
    sys.stdout.write("\n" + "".join(f"    {line}\n" for line in text.strip().splitlines()) + "\n")


def _summarise(job: MainJob, files: int) -> None:
    url = job.kubectl.get("-n", "packages", "packageindex", "main")["status"]["url"]
    say("Done. What happened:")
    _show(f"""\
The operator made a bucket on S3, an IAM user for that bucket alone, and two replicas of the index server.
It gave the IndexUsers ci (may publish) and web (may read) a Secret each, which pip, uv and twine read as it is.
A pod published {files} files with the one; a Job of another namespace installed from them with the other,
together with a package of a public index, from the same URL. Then the public index was stopped, and a second
Job installed both again, with no credentials: pods inside read without a login. It runs again now.
In the cluster:  {url}simple/
To open it:      kubectl --namespace packages port-forward service/wheelyard-main 8080:80
                 then http://127.0.0.1:8080/
To look around:  eval "$(PYTHONPATH=tests python3 -m cluster env)"; kubectl describe packageindex main -n packages
To clean up:     make demo-down""")


def main(arguments: list[str]) -> None:
    """Run the command; a failure prints what explains it."""
    commands: dict[str, Callable[[], None]] = {"up": up, "down": down}
    command = commands.get(" ".join(arguments))
    if command is None:
        sys.exit("usage: python -m demo up|down")
    try:
        with locked("main-job"):
            command()
    except (ClusterError, CommandError, AssertionError) as error:
        sys.exit(f"The demo failed: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
