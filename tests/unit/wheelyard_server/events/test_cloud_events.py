"""Events are CloudEvents 1.0, and their ids do not depend on the server."""

import json
from datetime import timedelta

from support.made_events import made
from wheelyard_server.events.cloud_events import encoded, id_of, source_of


def test_an_event_has_the_attributes_of_cloudevents() -> None:
    event = made("demo-1.0.tar.gz")
    source = source_of("packages/main")
    assert json.loads(encoded(source, event)) == {
        "specversion": "1.0",
        "id": id_of(source, event),
        "source": "/wheelyard/packages/main",
        "type": "dev.wheelyard.blocked",
        "subject": "demo-1.0.tar.gz",
        "time": "2026-11-30T19:42:05Z",
        "datacontenttype": "application/json",
        "data": {"filename": "demo-1.0.tar.gz"},
    }


def test_an_index_without_a_name_has_a_source_too() -> None:
    event = made("demo-1.0.tar.gz")
    assert json.loads(encoded(source_of(""), event))["source"] == "/wheelyard"


def test_the_same_event_has_the_same_id_on_all_servers_at_all_times() -> None:
    event = made("demo-1.0.tar.gz")
    later = event._replace(time=event.time + timedelta(minutes=5), data={"user": "another"})
    assert id_of("/wheelyard/a/b", later) == id_of("/wheelyard/a/b", event)


def test_ids_differ_by_source_kind_and_key() -> None:
    event = made("demo-1.0.tar.gz")
    ids = {
        id_of("/wheelyard/a/b", event),
        id_of("/wheelyard/a/c", event),
        id_of("/wheelyard/a/b", event._replace(key=("other",))),
        id_of("/wheelyard/a/b", event._replace(key=(*event.key, "other"))),
    }
    assert len(ids) == 4
    assert all("." not in each for each in ids)  # A dot would make the signed text ambiguous.
