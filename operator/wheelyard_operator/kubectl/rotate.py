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
from wheelyard_operator.kubectl.annotations import annotate, display_name
from wheelyard_operator.kubectl.connection import Connection
from wheelyard_operator.kubectl.errors import PluginError
from wheelyard_operator.kubectl.retries import with_retries
from wheelyard_operator.kubectl.targets import find_target
from wheelyard_operator.kubectl.terminal import Terminal
from wheelyard_operator.resource import ROTATE_ANNOTATION, IndexUser, PackageIndex, S3Storage
from wheelyard_operator.status.storage import KEY_ROTATING

_POLL_SECONDS = 1.0


def add_to(verbs: Any) -> Iterator[argparse.ArgumentParser]:
    """Add the command."""
    parser = verbs.add_parser(
        "rotate",
        help="replace a user's token, or an index's access key",
        description="Request a new token for an IndexUser, or a new access key for a PackageIndex. The previous"
        " token works for spec.credentials.overlap, the previous key until no server uses it.",
    )
    parser.add_argument("target", metavar="index/NAME|user/NAME", help="the PackageIndex or IndexUser")
    parser.add_argument("--wait", action="store_true", help="wait until the new one is in use everywhere")
    parser.add_argument(
        "--timeout", default="10m", metavar="TIME", help="how long --wait waits at most (default: %(default)s)"
    )
    parser.set_defaults(run=run)
    yield parser


def run(arguments: argparse.Namespace, connection: Connection, terminal: Terminal) -> int:
    """Request the rotation, and wait for it with --wait."""
    resource = find_target(connection, arguments.target)
    check_rotatable(resource)
    seconds = duration_seconds(arguments.timeout)
    annotate(connection.kube, resource, ROTATE_ANNOTATION, datetime.now(UTC).isoformat())
    secret = "token" if isinstance(resource, IndexUser) else "access key"
    if not arguments.wait:
        terminal.line(f"{display_name(resource)}: requested a new {secret}; see kubectl wheelyard status.")
        return 0
    terminal.note(f"{display_name(resource)}: requested a new {secret}; waiting.")
    waiting = Waiting(resource, lambda: find_target(connection, arguments.target), terminal)
    terminal.line(f"{display_name(resource)}: {waiting.until_done(seconds, time.monotonic, time.sleep)}")
    return 0


def check_rotatable(resource: PackageIndex | IndexUser) -> None:
    """Raise PluginError if the operator would not rotate anything."""
    name = display_name(resource)
    if resource.meta.paused:
        kind = "user" if isinstance(resource, IndexUser) else "index"
        raise PluginError(f"{name} is paused: run kubectl wheelyard resume {kind}/{resource.meta.name} first.")
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
            f"You manage the access key of {name}: write a new one into Secret {resource.storage_secret_name}, and"
            " the operator replaces the index servers."
        )


def duration_seconds(duration: str) -> int:
    """Return the seconds of a duration such as 90s, 10m or 2h; raise PluginError."""
    try:
        return parse_duration(duration)
    except ValueError as error:
        raise PluginError(f"{error}.") from None


@dataclass(frozen=True)
class Waiting:
    """Waits until a rotation is done."""

    before: PackageIndex | IndexUser
    read: Callable[[], PackageIndex | IndexUser]
    terminal: Terminal

    def until_done(self, seconds: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> str:
        """Return the result; raise PluginError if there is none within `seconds`."""
        deadline, last_note = clock() + seconds, ""
        while True:
            seen = with_retries(self.read, lambda: sleep(_POLL_SECONDS))
            progress = rotation_progress(self.before, seen)
            if progress.is_done:
                return progress.text
            if wording.condition(seen, STALLED)["status"] == "True":
                raise PluginError(f"{display_name(seen)}: {wording.condition(seen, READY)['message']}")
            if clock() > deadline:
                raise PluginError(f"{display_name(seen)}: not done after {seconds:g} s: {progress.text}")
            if progress.text != last_note:
                last_note = progress.text
                self.terminal.note(f"  {last_note}")
            sleep(_POLL_SECONDS)


@dataclass(frozen=True)
class Progress:
    """The progress of a rotation."""

    is_done: bool
    text: str


def rotation_progress(before: PackageIndex | IndexUser, seen: PackageIndex | IndexUser) -> Progress:
    """Return the progress, from the status before the request and the status now."""
    if isinstance(seen, IndexUser):
        return _token_progress(before, seen)
    issued = seen.status.get("accessKeyIssued", "")
    if issued == before.status.get("accessKeyIssued", ""):
        return Progress(is_done=False, text="waiting for the new access key")
    if not wording.is_ready(seen):
        return Progress(
            is_done=False, text=f"there is a new access key; {wording.condition(seen, READY)['message']}"
        )
    if wording.condition(seen, CREDENTIALS_READY)["reason"] == KEY_ROTATING:
        return Progress(
            is_done=False, text="every index server uses the new access key; the previous one is being deleted"
        )
    return Progress(
        is_done=True, text=f"the access key issued at {issued} is in use, and the previous one is deleted."
    )


def _token_progress(before: PackageIndex | IndexUser, seen: IndexUser) -> Progress:
    issued, until = seen.status.get("tokenIssued", ""), seen.status.get("previousTokenUntil", "")
    if issued == before.status.get("tokenIssued", "") or not wording.is_ready(seen):
        return Progress(is_done=False, text="waiting until the index accepts the new token")
    end = f"works until {until}" if until else "is no longer valid"
    secret = f"{seen.meta.namespace}/{seen.secret_name}"
    return Progress(is_done=True, text=f"Secret {secret} has the new token; the previous one {end}.")
