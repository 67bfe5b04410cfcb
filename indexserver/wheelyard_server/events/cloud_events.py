"""Events as CloudEvents 1.0, in JSON (structured mode).

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

import hashlib

import msgspec

from wheelyard_server.events import Event

MEDIA_TYPE = "application/cloudevents+json"
TYPE_PREFIX = "dev.wheelyard."


def source_of(index: str) -> str:
    """Return the source of all events of an index, `<namespace>/<name>`, as a URI reference."""
    return f"/wheelyard/{index}" if index else "/wheelyard"


def id_of(source: str, event: Event) -> str:
    """Return an id that is the same on all servers and after a restart: receivers drop repeats by it."""
    return hashlib.sha256("\n".join((source, event.kind, *event.key)).encode()).hexdigest()[:32]


def encoded(source: str, event: Event) -> bytes:
    """Return the event as JSON. Data without a value is left out."""
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": id_of(source, event),
            "source": source,
            "type": TYPE_PREFIX + event.kind,
            "subject": event.subject,
            "time": event.time,
            "datacontenttype": "application/json",
            "data": {name: value for name, value in event.data.items() if value not in ("", None, ())},
        }
    )
