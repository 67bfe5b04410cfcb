"""versitygw: an S3 server with a stand-alone, AWS-compatible IAM API that it enforces."""

import json
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from . import tools
from .processes import Program, Supervisor
from .progress import ClusterError

_REGION = "us-east-1"


@dataclass(frozen=True)
class S3Server:
    """A running S3 server and its IAM, with the keys of the account that may do everything."""

    endpoint: str
    iam_endpoint: str
    region: str
    access_key: str
    secret_key: str

    def environment(self) -> dict[str, str]:
        """Return the settings under the names that AWS clients and `CLUSTER=current` read."""
        return {
            "S3_ENDPOINT": self.endpoint,
            "IAM_ENDPOINT": self.iam_endpoint,
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ENDPOINT_URL_IAM": self.iam_endpoint,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }


@contextmanager
def running(
    directory: Path, *, versitygw_binary: Path | None = None, keeps_connections: bool = False
) -> Iterator[S3Server]:
    """Run a private S3 server with IAM on free ports of 127.0.0.1, for a test.

    Data and logs go to `directory`. It needs no cluster and no root; without a given binary it
    takes the one of the cache, building it (about 2 minutes) if there is none. On exit it has
    stopped.
    """
    supervisor = Supervisor(directory)
    server = new_server("127.0.0.1", free_port(), free_port())
    # A test's directory may be too deep for a unix socket, which the two processes talk through.
    sockets = Path(tempfile.mkdtemp(prefix="wheelyard-"))
    parts = programs(server, directory, sockets, versitygw_binary, keeps_connections=keeps_connections)
    try:
        start(supervisor, parts)
        yield server
    finally:
        supervisor.stop(*(part.name for part in parts))
        shutil.rmtree(sockets)


def start(supervisor: Supervisor, parts: tuple[Program, Program]) -> None:
    """Start the two programs, IAM first (S3 asks it from its first moment), and wait for both."""
    for part in parts:
        supervisor.start(part)
        supervisor.wait(part)


def programs(
    server: S3Server,
    directory: Path,
    sockets: Path,
    binary: Path | None = None,
    access_log: Path | None = None,
    *,
    keeps_connections: bool = False,
) -> tuple[Program, Program]:
    """Describe the IAM and the S3 program of a server that keeps its data under a directory.

    The access log, where one is wanted, gets a line for each request to S3. Unless it keeps
    connections, as AWS does, each request to S3 is the only one of its connection.
    """
    binary = binary or tools.built(tools.VERSITYGW) / "versitygw"
    private = sockets / "iam.sock"
    for name in ("iam", "versions", "data"):
        (directory / "s3" / name).mkdir(parents=True, exist_ok=True)
    keys = {"ROOT_ACCESS_KEY": server.access_key, "ROOT_SECRET_KEY": server.secret_key}
    common = (str(binary), "--region", server.region, "--health", "/healthz", "--quiet", "--port")
    iam = Program(
        name="versitygw-iam",
        command=(
            *(*common, server.iam_endpoint.removeprefix("http://"), "iam"),
            *("--dir", str(directory / "s3/iam"), "--private-ports", str(private)),
        ),
        environment=keys,
        ready=f"{server.iam_endpoint}/healthz",
    )
    s3 = Program(
        name="versitygw-s3",
        command=(
            *(*common, server.endpoint.removeprefix("http://")),
            # Revoked keys must stop working soon, so IAM's answers are believed for 2 seconds only.
            *("--iam-standalone-endpoint", str(private), "--iam-cache-ttl", "2"),
            *(("--access-log", str(access_log)) if access_log else ()),
            *(("--keep-alive",) if keeps_connections else ()),
            *("posix", "--versioning-dir", str(directory / "s3/versions"), str(directory / "s3/data")),
        ),
        environment=keys,
        ready=f"{server.endpoint}/healthz",
    )
    return iam, s3


def new_server(host: str, s3_port: int, iam_port: int) -> S3Server:
    """Return the description of a server that does not run yet, with random keys."""
    return S3Server(
        endpoint=f"http://{host}:{s3_port}",
        iam_endpoint=f"http://{host}:{iam_port}",
        region=_REGION,
        access_key=f"WHEELYARD{secrets.token_hex(5).upper()}",
        secret_key=secrets.token_urlsafe(30),
    )


def save(server: S3Server, file: Path) -> None:
    """Write a server's description, which has its keys, for its owner's eyes only."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(json.dumps(asdict(server)))


def load(file: Path) -> S3Server:
    """Read what `save` has written."""
    return S3Server(**json.loads(file.read_text()))


def free_port(following: int = 0) -> int:
    """Return a port of 127.0.0.1 that the kernel gives to nothing else for a minute.

    A connection that has just ended there keeps it (TIME_WAIT). A program that asks for this very
    port gets it nevertheless, if it sets SO_REUSEADDR, as servers do. The `following` ports after
    it are kept in the same way.
    """
    for _ in range(100):
        first = _reserve(0)
        try:
            for port in range(first + 1, first + 1 + following):
                _reserve(port)
        except (OSError, OverflowError):
            continue
        return first
    raise ClusterError("the kernel has no free ports that follow each other")


def _reserve(port: int) -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", port))  # Without SO_REUSEADDR: a port that is reserved already is an error.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.listen()
        with socket.create_connection(server.getsockname()):
            server.accept()[0].close()
            reserved: int = server.getsockname()[1]
            return reserved
