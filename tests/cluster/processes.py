"""Background programs: started once, found again by their record, stopped only if they are ours."""

import hashlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from .progress import ClusterError, log_tail, say

_STEP = 0.05


@dataclass(frozen=True)
class Program:
    """A program to run in the background, and how to tell that it works."""

    name: str
    command: tuple[str, ...]
    ready: str
    """A URL that must answer with a status below 400, or `unix:PATH` or `tcp:HOST:PORT`, which must let connect."""
    environment: Mapping[str, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    """Files that it reads at its start; it is restarted if one of them has changed."""
    limit: float = 60
    """Seconds until it must be ready."""

    @property
    def fingerprint(self) -> str:
        """Return a digest of everything that decides this program's behavior."""
        digest = hashlib.sha256(repr((self.command, sorted(self.environment.items()))).encode())
        for file in self.files:
            digest.update(file.read_bytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Record:
    """What identifies a started process for good: a pid alone may be somebody else's by now."""

    pid: int
    started: str
    """Clock ticks since boot, as the kernel reports them."""
    boot: str
    fingerprint: str

    @property
    def alive(self) -> bool:
        """Return whether this very process still runs."""
        return self.boot == boot_id() and self.started == _start_time(self.pid)


class Supervisor:
    """Starts and stops programs, with a record and a log for each in a directory."""

    def __init__(self, directory: Path) -> None:
        self._records = directory / "processes"
        self._logs = directory / "logs"

    def log(self, name: str) -> Path:
        """Return where the program writes; the log of its previous run has the suffix `.previous`."""
        return self._logs / f"{name}.log"

    def alive(self, name: str) -> bool:
        """Return whether the program that was started under this name still runs."""
        record = self._read(name)
        return record is not None and record.alive

    def pid(self, name: str) -> int | None:
        """Return the process that was started under this name, if it still runs."""
        record = self._read(name)
        return record.pid if record is not None and record.alive else None

    def names(self) -> list[str]:
        """Return the names of all programs that have been started and not stopped."""
        return sorted(path.stem for path in self._records.glob("*.json"))

    def start(self, *programs: Program) -> None:
        """Start those that do not run, or not as wanted, together; they need not be ready yet."""
        for program in programs:
            record = self._read(program.name)
            if record and record.alive and record.fingerprint == program.fingerprint:
                continue
            if record:
                say(f"starting {program.name} again: it {'has changed' if record.alive else 'had died'}")
            self.stop(program.name)
            self._spawn(program)

    def wait(self, *programs: Program) -> None:
        """Wait until all of them are ready; a death or the limit is an error with the log's end."""
        for program in programs:
            self.wait_until(partial(_ready, program.ready), program.name, program.limit)

    def wait_until(self, condition: Callable[[], bool], name: str, limit: float, what: str = "") -> None:
        """Wait for a condition that this program is to bring about, at most `limit` seconds."""
        end = time.monotonic() + limit
        while not condition():
            if not self.alive(name):
                raise ClusterError(f"{name} has ended; {log_tail(self.log(name))}")
            if time.monotonic() > end:
                raise ClusterError(f"{what or name} was not ready in {limit:.0f} s; {log_tail(self.log(name))}")
            time.sleep(_STEP)

    def stop(self, *names: str, limit: float = 10) -> None:
        """End these programs: politely, all at once, and by force after `limit` seconds."""
        running = [(name, record) for name in names if (record := self._read(name)) and record.alive]
        for sign, patience in ((signal.SIGTERM, limit), (signal.SIGKILL, 10.0)):
            for _, record in running:
                send(record.pid, sign)
            end = time.monotonic() + patience
            while any(_reaped(record) is False for _, record in running) and time.monotonic() < end:
                time.sleep(_STEP)
            running = [(name, record) for name, record in running if record.alive]
        if running:
            raise ClusterError(f"cannot end {', '.join(f'{name} (pid {r.pid})' for name, r in running)}")
        for name in names:
            (self._records / f"{name}.json").unlink(missing_ok=True)

    def _read(self, name: str) -> Record | None:
        try:
            return Record(**json.loads((self._records / f"{name}.json").read_text()))
        except FileNotFoundError:
            return None

    def _spawn(self, program: Program) -> None:
        for directory in (self._records, self._logs):
            directory.mkdir(parents=True, exist_ok=True)
        log = self.log(program.name)
        if log.exists():
            log.replace(log.with_suffix(".previous"))
        with log.open("w") as output:
            # In a session of its own: the interrupt of a terminal is not for it.
            process = subprocess.Popen(
                program.command,
                env={**local_environment(), **program.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        # From here on the record stands for it: it may well outlive us, and Popen must not complain
        # of that.
        process.returncode = 0
        record = Record(process.pid, _start_time(process.pid) or "", boot_id(), program.fingerprint)
        (self._records / f"{program.name}.json").write_text(json.dumps(record.__dict__))


def boot_id() -> str:
    """Return the ID of this boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def local_environment() -> dict[str, str]:
    """Return our environment without proxies: these programs talk only to each other."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


def send(pid: int, sign: signal.Signals) -> None:
    """Send a signal to a process that may have ended meanwhile."""
    with suppress(ProcessLookupError):
        os.kill(pid, sign)


def answers(url: str) -> bool:
    """Return whether a server answers this URL with a status below 400.

    The certificate is not checked: this asks only whether a program of ours on this machine is up.
    """
    parts = urlsplit(url)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        unchecked = ssl._create_unverified_context()  # noqa: S323
        connection = http.client.HTTPSConnection(parts.netloc, timeout=2, context=unchecked)
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=2)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status < http.client.BAD_REQUEST
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _ready(address: str) -> bool:
    kind, _, place = address.partition(":")
    if kind == "unix":
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(place) == 0
    if kind == "tcp":
        host, _, port = place.rpartition(":")
        with socket.socket() as client:
            return client.connect_ex((host, int(port))) == 0
    return answers(address)


def _start_time(pid: int) -> str | None:
    """Return when a running process was started; None for one that is gone or a zombie."""
    try:
        # The second field, the name, may hold anything; all others follow its last parenthesis.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else fields[19]


def _reaped(record: Record) -> bool:
    """Return whether the process is gone, and take its exit status if it was a child of this process."""
    if record.alive:
        return False
    with suppress(ChildProcessError):
        os.waitpid(record.pid, os.WNOHANG)
    return True
