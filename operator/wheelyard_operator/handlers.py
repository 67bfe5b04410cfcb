"""Turns events of the cluster into keys of the work queue.

No content of an event is used further.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import kopf

from wheelyard_operator.process.queue import WorkQueue
from wheelyard_operator.resource import (
    EXCEPTION,
    GROUP,
    INDEX,
    INDEX_LABEL,
    INDEX_NAMESPACE_LABEL,
    MANAGED_BY_LABEL,
    OPERATOR,
    USER,
    USER_LABEL,
    IndexUser,
    Key,
    PackageException,
)

CHILDREN = (
    ("apps", "deployments"),
    ("autoscaling", "horizontalpodautoscalers"),
    ("gateway.networking.k8s.io", "httproutes"),
    ("monitoring.coreos.com", "servicemonitors"),
    ("networking.k8s.io", "ingresses"),
    ("networking.k8s.io", "networkpolicies"),
    ("policy", "poddisruptionbudgets"),
    ("", "configmaps"),
    ("", "persistentvolumeclaims"),
    ("", "pods"),
    ("", "secrets"),
    ("", "serviceaccounts"),
    ("", "services"),
)


def label_of(plural: str) -> str:
    """Return the label selector of the children that are watched."""
    # People put this label on the Secret of a password, too, with the name of its index.
    return INDEX_LABEL if plural == "secrets" else f"{MANAGED_BY_LABEL}={OPERATOR}"


Handler = Callable[[Any], Awaitable[None]]


class Handlers:
    """Turns events into keys. Its memory only saves work: the resync finds anything that it misses.

    The methods are coroutines so that kopf calls them in the event loop, where the queue lives:
    plain functions would run in threads.
    """

    def __init__(self, queue: WorkQueue) -> None:
        self._queue = queue
        self._index_of: dict[Key, Key] = {}
        self._seen: dict[Key, tuple[object, ...]] = {}

    async def on_index(self, event: Any, **_: Any) -> None:
        """Reconcile the index; if it came, went or was edited, its users and exceptions, too."""
        body = event["object"]
        key = Key(INDEX, body["metadata"]["namespace"], body["metadata"]["name"])
        self._queue.add(key)
        metadata = body["metadata"]
        gone = event["type"] == "DELETED"
        state = (metadata["uid"], metadata.get("generation"), "deletionTimestamp" in metadata, gone)
        if self._seen.get(key) == state:
            return
        self._seen[key] = state
        for part, index in self._index_of.items():
            if index == key:
                self._queue.add(part)

    async def on_user(self, event: Any, **_: Any) -> None:
        """Reconcile the user and its index."""
        self._on_part(USER, IndexUser.parse, event)

    async def on_exception(self, event: Any, **_: Any) -> None:
        """Reconcile the exception and its index."""
        self._on_part(EXCEPTION, PackageException.parse, event)

    def _on_part(self, kind: str, parse: Callable[[Any], IndexUser | PackageException], event: Any) -> None:
        metadata = event["object"]["metadata"]
        key = Key(kind, metadata["namespace"], metadata["name"])
        # Before it is parsed: if that fails, its reconciliation logs it.
        self._queue.add(key)
        index = parse({"kind": kind, **event["object"]}).index
        self._queue.add(index)
        if event["type"] == "DELETED":
            self._index_of.pop(key, None)
        else:
            self._index_of[key] = index

    async def on_child(self, event: Any, **_: Any) -> None:
        """Reconcile the resources that the labels name."""
        metadata = event["object"]["metadata"]
        labels, namespace = metadata.get("labels", {}), metadata["namespace"]
        if USER_LABEL in labels:
            self._queue.add(Key(USER, namespace, labels[USER_LABEL]))
        if INDEX_LABEL in labels:
            home = labels.get(INDEX_NAMESPACE_LABEL, namespace)
            self._queue.add(Key(INDEX, home, labels[INDEX_LABEL]))

    async def on_namespace(self, event: Any, **_: Any) -> None:
        """Reconcile the users of a namespace and their indexes: its labels may decide."""
        name = event["object"]["metadata"]["name"]
        for part, index in self._index_of.items():
            if part.kind == USER and part.namespace == name:
                self._queue.add(part)
                self._queue.add(index)


def register(
    handlers: Handlers,
    registry: kopf.OperatorRegistry,
    record_event: Callable[[str], None],
    *,
    everywhere: bool = True,
) -> None:
    """Watch everything that may matter; only children with the label of `label_of`.

    Namespaces can only be watched all together: an operator of some looks at their labels every
    minute instead. `record_event` is called with the resource of each event, such as "secrets".
    """

    def watch(group: str, plural: str, handler: Handler, **selectors: Any) -> None:
        async def noted(event: Any, **_: Any) -> None:
            record_event(plural)
            await handler(event)

        kopf.on.event(group, plural, registry=registry, id=plural, **selectors)(noted)

    watch(GROUP, "packageindexes", handlers.on_index)
    watch(GROUP, "indexusers", handlers.on_user)
    watch(GROUP, "packageexceptions", handlers.on_exception)
    if everywhere:
        watch("", "namespaces", handlers.on_namespace)
    for group, plural in CHILDREN:
        watch(group, plural, handlers.on_child, labels={INDEX_LABEL: kopf.PRESENT})
