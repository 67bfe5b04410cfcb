"""`kubectl wheelyard rotate`: a new token for a user, a new access key for an index."""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from wheelyard_operator.condition_types import CREDENTIALS_READY, READY, STALLED
from wheelyard_operator.durations import parse_duration
from wheelyard_operator.kubectl import wording
from wheelyard_operator.kubectl.annotations import annotate, named
from wheelyard_operator.kubectl.connection import Connection
from wheelyard_operator.kubectl.errors import PluginError
from wheelyard_operator.kubectl.retries import patiently
from wheelyard_operator.kubectl.targets import target
from wheelyard_operator.kubectl.terminal import Terminal
from wheelyard_operator.resource import ROTATE_ANNOTATION, IndexUser, PackageIndex, S3Storage
from wheelyard_operator.status.storage import KEY_ROTATING

_LOOK_SECONDS = 1.0


def add_to(verbs: Any) -> Iterator[argparse.ArgumentParser]:
    """Add the command."""
    parser = verbs.add_parser("rotate", help="a new token for a user, a new access key for an index")
    parser.add_argument("target", metavar="index/NAME|user/NAME")
    parser.add_argument("--wait", action="store_true", help="until the new one is in force everywhere")
    parser.add_argument("--timeout", default="10m", metavar="TIME", help="of --wait (default: %(default)s)")
    parser.set_defaults(run=run)
    yield parser


def run(arguments: argparse.Namespace, connection: Connection, terminal: Terminal) -> int:
    """Ask for it, and wait if that is wanted."""
    resource = target(connection, arguments.target)
    check(resource)
    seconds = seconds_of(arguments.timeout)
    annotate(connection.kube, resource, ROTATE_ANNOTATION, datetime.now(UTC).isoformat())
    what = "token" if isinstance(resource, IndexUser) else "access key"
    if not arguments.wait:
        terminal.line(f"{named(resource)}: a new {what} is asked for; see kubectl wheelyard status.")
        return 0
    terminal.note(f"{named(resource)}: a new {what} is asked for; waiting.")
    waiting = Waiting(resource, lambda: target(connection, arguments.target), terminal)
    terminal.line(f"{named(resource)}: {waiting.until_done(seconds, time.monotonic, time.sleep)}")
    return 0


def check(resource: PackageIndex | IndexUser) -> None:
    """Raise PluginError where nothing would come of it."""
    name = named(resource)
    if resource.meta.paused:
        kind = "user" if isinstance(resource, IndexUser) else "index"
        raise PluginError(f"{name} is paused: kubectl wheelyard resume {kind}/{resource.meta.name} first.")
    if isinstance(resource, IndexUser):
        if not resource.has_token:
            raise PluginError(f"{name} has no token: spec.credentials.token is false.")
        return
    if resource.renamed:
        raise PluginError(f"{name}: {resource.renamed[0].message}. Until then its access key is not rotated.")
    storage = resource.storage
    if not isinstance(storage, S3Storage) or storage.cloud_role is not None:
        raise PluginError(f"{name} has no access key: there is nothing to rotate.")
    if not storage.provision_user:
        raise PluginError(
            f"The access key of {name} is your own: write a new one into Secret {resource.storage_secret_name}, and"
            " the index servers are replaced."
        )


def seconds_of(duration: str) -> int:
    """Return the seconds of a duration such as 90s, 10m or 2h; raise PluginError."""
    try:
        return parse_duration(duration)
    except ValueError as error:
        raise PluginError(f"{error}.") from None


@dataclass(frozen=True)
class Waiting:
    """Waits until what was asked for is done."""

    before: PackageIndex | IndexUser
    look: Callable[[], PackageIndex | IndexUser]
    terminal: Terminal

    def until_done(self, seconds: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> str:
        """Return what has come of it; raise PluginError where nothing does."""
        deadline, told = clock() + seconds, ""
        while True:
            seen = patiently(self.look, lambda: sleep(_LOOK_SECONDS))
            progress = done(self.before, seen)
            if progress.is_done:
                return progress.text
            if wording.condition(seen, STALLED)["status"] == "True":
                raise PluginError(f"{named(seen)}: {wording.condition(seen, READY)['message']}")
            if clock() > deadline:
                raise PluginError(f"{named(seen)}: not done after {seconds:g} s: {progress.text}")
            if progress.text != told:
                told = progress.text
                self.terminal.note(f"  {told}")
            sleep(_LOOK_SECONDS)


@dataclass(frozen=True)
class Progress:
    """How far a rotation has come."""

    is_done: bool
    text: str


def done(before: PackageIndex | IndexUser, seen: PackageIndex | IndexUser) -> Progress:
    """Tell by what the operator says of itself, now and before it was asked."""
    if isinstance(seen, IndexUser):
        return _token(before, seen)
    issued = seen.status.get("accessKeyIssued", "")
    if issued == before.status.get("accessKeyIssued", ""):
        return Progress(is_done=False, text="waiting for the new access key")
    if not wording.is_ready(seen):
        return Progress(
            is_done=False, text=f"there is a new access key; {wording.condition(seen, READY)['message']}"
        )
    if wording.condition(seen, CREDENTIALS_READY)["reason"] == KEY_ROTATING:
        return Progress(
            is_done=False, text="every index server has the new access key; the one before is being ended"
        )
    return Progress(is_done=True, text=f"the access key of {issued} is in force, and the one before is gone.")


def _token(before: PackageIndex | IndexUser, seen: IndexUser) -> Progress:
    issued, until = seen.status.get("tokenIssued", ""), seen.status.get("previousTokenUntil", "")
    if issued == before.status.get("tokenIssued", "") or not wording.is_ready(seen):
        return Progress(is_done=False, text="the new token is being made known to the index")
    end = f"works until {until}" if until else "is not valid any more"
    secret = f"{seen.meta.namespace}/{seen.secret_name}"
    return Progress(is_done=True, text=f"Secret {secret} has the new token; the one before {end}.")
