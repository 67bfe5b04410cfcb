"""`kubectl wheelyard status`: shows an index with its storage, credentials and users, or lists indexes."""

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from wheelyard_operator.condition_types import READY
from wheelyard_operator.kube import ApiError
from wheelyard_operator.kubectl import wording
from wheelyard_operator.kubectl.connection import Connection
from wheelyard_operator.kubectl.errors import PluginError
from wheelyard_operator.kubectl.targets import find_index
from wheelyard_operator.kubectl.terminal import Terminal, printable
from wheelyard_operator.observe import read_bodies
from wheelyard_operator.resource import (
    INDEX,
    USER,
    IndexUser,
    Manifest,
    PackageIndex,
    S3Storage,
    Upstream,
    VolumeStorage,
)
from wheelyard_operator.times import rfc3339, seconds_until

_MAX_USERS = 20


def add_to(verbs: Any) -> Iterator[argparse.ArgumentParser]:
    """Add the command."""
    parser = verbs.add_parser(
        "status",
        help="show an index with its storage, credentials and users, or list indexes",
        description="Show a PackageIndex with its storage, credentials, conditions and users. Without INDEX, list"
        " the indexes of the namespace.",
    )
    parser.add_argument("index", nargs="?", metavar="INDEX", help="the name of the PackageIndex")
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="list the indexes of all namespaces")
    parser.add_argument("--all-users", action="store_true", help=f"show all users, not only {_MAX_USERS}")
    parser.add_argument("-o", "--output", choices=["json"], help="print the resources, as kubectl get -o json does")
    parser.set_defaults(run=run)
    yield parser


def run(arguments: argparse.Namespace, connection: Connection, terminal: Terminal) -> int:
    """Show an index, or list indexes."""
    now = rfc3339(datetime.now(UTC))
    if arguments.index is None:
        _list(arguments, connection, terminal, now)
        return 0
    if arguments.all_namespaces:
        raise PluginError("-A lists indexes: remove -A or the index.")
    index = find_index(connection, arguments.index)
    bodies, is_partial = _user_bodies(connection, index)
    if arguments.output:
        own = connection.kube.get(INDEX, index.meta.namespace, index.meta.name)
        terminal.json(_as_list([*([own] if own else []), *bodies]))
        return 0
    show_index(index, terminal, now)
    max_users = len(bodies) if arguments.all_users else _MAX_USERS
    show_users([IndexUser.parse(body) for body in bodies], terminal, now, max_users)
    if is_partial:
        terminal.note(
            f"Only users in namespace {index.meta.namespace} are shown: you may not list those of other namespaces."
        )
    return 0


def _list(arguments: argparse.Namespace, connection: Connection, terminal: Terminal, now: str) -> None:
    namespace = "" if arguments.all_namespaces else connection.namespace
    bodies = connection.kube.list(INDEX, namespace)
    if arguments.output:
        terminal.json(_as_list(bodies))
    elif bodies:
        show_list([PackageIndex.parse(each) for each in bodies], terminal, now, with_namespace=not namespace)
    else:
        where = f"in namespace {namespace}; -A lists all namespaces" if namespace else "in any namespace"
        terminal.note(f"There is no PackageIndex {where}.")


def _user_bodies(connection: Connection, index: PackageIndex) -> tuple[list[Manifest], bool]:
    """Return the index's users, and whether those of other namespaces may be missing."""
    try:
        bodies, is_partial = read_bodies(connection.kube, USER, index), False
    except ApiError as error:
        if error.status != 403:
            raise
        bodies, is_partial = read_bodies(connection.kube, USER, index, index.meta.namespace), True
    return [each for each in bodies if IndexUser.parse(each).index == index.meta.key], is_partial


def show_list(indexes: list[PackageIndex], terminal: Terminal, now: str, *, with_namespace: bool) -> None:
    """Print a line for each index."""
    header = ["NAME", "STATE", "SERVERS", "USERS", "AGE", "STORAGE"]
    rows = [
        [
            index.meta.name,
            wording.headline(index),
            "{}/{}".format(*_servers(index)),
            str(index.status.get("users", 0)),
            wording.duration(-seconds_until(index.meta.created, now)),
            _location(index),
        ]
        for index in indexes
    ]
    if with_namespace:
        header = ["NAMESPACE", *header]
        rows = [[index.meta.namespace, *row] for index, row in zip(indexes, rows, strict=True)]
    terminal.table(header, rows)


def show_index(index: PackageIndex, terminal: Terminal, now: str) -> None:
    """Print an index and its conditions."""
    ready = wording.condition(index, READY)
    terminal.line(terminal.paint(f"PackageIndex {index.id}", "bold"))
    terminal.entry("state", wording.headline(index), styles=wording.styles(index))
    if ready["status"] != "True":
        terminal.entry("", str(ready["message"]))
    terminal.entry("url", index.status.get("url") or "none yet")
    terminal.entry("servers", "{} of {} ready".format(*_servers(index)))
    terminal.entry("storage", f"{_location(index)}{_details(index)}")
    terminal.entry("credentials", _credentials(index, now))
    if index.upstreams:
        terminal.entry("upstreams", ", ".join(map(_upstream, index.upstreams)))
    terminal.line()
    conditions = wording.shown_conditions(index)
    terminal.line(terminal.paint("Conditions" if conditions else "No conditions", "bold"))
    for each, color in conditions:
        terminal.entry(each["type"], f"{each['reason']}. {each['message']}", column=20, styles=[color])


def show_users(users: list[IndexUser], terminal: Terminal, now: str, max_users: int) -> None:
    """Print at most `max_users` users, first those that are not ready."""
    users = sorted(users, key=lambda user: (wording.is_ready(user), user.username))
    terminal.line()
    terminal.line(terminal.paint(f"Users ({len(users)})" if users else "No users", "bold"))
    for user in users[:max_users]:
        _show_user(user, terminal, now)
    if len(users) > max_users:
        terminal.line(f"  and {len(users) - max_users} more: --all-users")


def _show_user(user: IndexUser, terminal: Terminal, now: str) -> None:
    ready, status = wording.condition(user, READY), user.status
    state = terminal.paint(wording.headline(user), *wording.styles(user))
    terminal.line(f"  {printable(user.username)}   {state}")
    if ready["status"] != "True":
        terminal.entry("", str(ready["message"]))
    for each, color in wording.shown_conditions(user):
        if each["status"] == "False":
            terminal.entry("", f"{each['type']}: {each['message']}", styles=[color])
    terminal.entry("rights", "; ".join(dict.fromkeys(status.get("rights", ()))) or "none", indent=4)
    terminal.entry("token", _token(user, now), indent=4)
    secret = status.get("secretName")
    terminal.entry("secret", f"{user.meta.namespace}/{secret}" if secret else "none yet", indent=4)


def _token(user: IndexUser, now: str) -> str:
    status = user.status
    if not user.has_token:
        return "none: it logs in without one"
    if not status.get("tokenIssued"):
        return "none yet"
    parts = [f"issued {wording.ago(status['tokenIssued'], now)}"]
    due, until = status.get("nextRotation"), status.get("previousTokenUntil")
    parts.append(f"next rotation {wording.from_now(due, now)}" if due else "no automatic rotation")
    if until and seconds_until(until, now) > 0:
        parts.append(f"the previous one works until {wording.from_now(until, now)}")
    return ", ".join(parts)


def _servers(index: PackageIndex) -> tuple[int, int]:
    """Return how many servers are ready, and how many exist.

    With an autoscaler, spec.replicas is not the number of servers.
    """
    return index.status.get("readyReplicas", 0), index.status.get("replicas", index.min_replicas)


def _location(index: PackageIndex) -> str:
    storage = index.storage
    if isinstance(storage, VolumeStorage):
        return f"volume of {storage.size}"
    return f"s3://{storage.bucket}/{storage.prefix}"


def _details(index: PackageIndex) -> str:
    storage = index.storage
    parts = [] if isinstance(storage, VolumeStorage) else [storage.region, storage.endpoint]
    parts.append("deleted with the index" if index.delete_storage else "kept when the index is deleted")
    return "".join(f", {part}" for part in parts if part)


def _credentials(index: PackageIndex, now: str) -> str:
    storage = index.storage
    if not isinstance(storage, S3Storage):
        return "not needed for a volume"
    if storage.cloud_role is not None:
        return f"cloud role of ServiceAccount {index.child_name}"
    if not storage.provision_user:
        return f"managed by you, in Secret {index.storage_secret_name}"
    issued, due = index.status.get("accessKeyIssued"), index.status.get("nextKeyRotation")
    if not issued:
        return "its own IAM user, no access key yet"
    when = f"next rotation {wording.from_now(due, now)}" if due else "no automatic rotation"
    return f"its own IAM user, access key issued {wording.ago(issued, now)}, {when}"


def _upstream(upstream: Upstream) -> str:
    return f"{upstream.name} ({'offline' if upstream.offline else upstream.url or 'PyPI'})"


def _as_list(bodies: list[Manifest]) -> Manifest:
    for each in bodies:
        each["metadata"].pop("managedFields", None)
    return {"apiVersion": "v1", "kind": "List", "items": bodies}
