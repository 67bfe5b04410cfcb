import json
from typing import Any

import pytest
import yaml

from unit.wheelyard_operator.fakes import RSA_KEY
from wheelyard_operator.desired.common import encoded
from wheelyard_operator.desired.sessions import (
    SESSIONS_RECORD,
    SessionsRecord,
    oidc_section,
    sessions_file,
    with_sessions,
)
from wheelyard_operator.openid_provider import Provider
from wheelyard_operator.resource.web import GroupRule, SingleSignOn

NOW, LATER = "2026-11-23T12:00:00Z", "2026-11-23T13:00:00Z"
DEX = Provider(
    "https://dex.example.com", "https://dex.example.com/auth", "https://dex.example.com/token", (RSA_KEY,)
)


class Keys:
    """Makes keys with numbers."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> str:
        self.made += 1
        return f"key {self.made}"


def stored(record: SessionsRecord) -> SessionsRecord:
    """Return the record as the next reconciliation reads it."""
    return SessionsRecord.parse(with_sessions({"data": {}}, "", record.text))


def test_the_key_is_made_once() -> None:
    keys = Keys()
    record = SessionsRecord.parse({}).after("", NOW, keys)
    assert record == SessionsRecord("key 1")
    assert stored(record).after("", LATER, keys) == record
    assert keys.made == 1


def test_each_request_ends_the_sessions_once_and_replaces_the_key() -> None:
    keys = Keys()
    record = stored(SessionsRecord.parse({}).after("", NOW, keys))
    record = stored(record.after("one", NOW, keys))
    assert (record.key, record.not_before) == ("key 2", "2026-11-23T12:00:01Z"), "those of this second end, too"
    for request in ("one", ""):
        assert record.after(request, LATER, keys) == record, "neither a sync nor a removal requests another end"
    record = stored(record.after("two", LATER, keys))
    assert (record.key, record.not_before) == ("key 3", "2026-11-23T13:00:01Z")
    assert record.after("one", "2026-11-24T00:00:00Z", keys) == record, "Git restores an earlier value"


def test_a_request_before_the_first_key_has_nothing_to_end() -> None:
    record = SessionsRecord.parse({}).after("one", NOW, Keys())
    assert (record.key, record.not_before) == ("key 1", "")
    assert stored(record).after("one", LATER, Keys()) == record


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, '{"key": 1, "notBefore": "soon", "provider": []}'])
def test_a_damaged_record_counts_as_absent(text: str) -> None:
    assert SessionsRecord.parse({"data": encoded({SESSIONS_RECORD: text})}) == SessionsRecord()


def test_the_record_keeps_the_last_known_provider() -> None:
    record = stored(SessionsRecord("key").with_provider(DEX))
    assert record.provider == {
        "issuer": "https://dex.example.com",
        "authorization_endpoint": "https://dex.example.com/auth",
        "token_endpoint": "https://dex.example.com/token",
        "keys": [RSA_KEY],
    }
    assert stored(record) == record


def test_the_file_has_only_what_there_is() -> None:
    assert yaml.safe_load(sessions_file(SessionsRecord("key"))) == {"keys": ["key"]}
    read = yaml.safe_load(sessions_file(SessionsRecord("key", NOW), {"issuer": "a"}))
    assert read == {"keys": ["key"], "notBefore": NOW, "oidc": {"issuer": "a"}}


@pytest.mark.parametrize("name", ["platform-team", "/acme/platform", "\u00e4: {\U0001d518}", "\x85\x9f", "'\"#"])
def test_every_name_of_a_group_is_read_as_it_is(name: str) -> None:
    sign_on = SingleSignOn("https://a", "id", "s", "k", ("openid",), "groups", (GroupRule(name, "platform"),), "")
    section: dict[str, Any] = yaml.safe_load(
        sessions_file(SessionsRecord("key"), oidc_section(sign_on, DEX, "s", ""))
    )
    assert section["oidc"]["groups"] == [{"provider": name, "group": "platform"}]
    assert "caBundle" not in section["oidc"]


def test_the_text_of_the_record_is_the_same_for_the_same_record() -> None:
    record = SessionsRecord("key", NOW, ("a",)).with_provider(DEX)
    assert stored(record).text == record.text
    assert json.loads(record.text).keys() == {"key", "notBefore", "answered", "provider"}
