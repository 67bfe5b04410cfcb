from typing import Any

import pytest

from unit.wheelyard_operator.fakes import NOW, TOKEN, a_user
from wheelyard_operator import tokens
from wheelyard_operator.desired.common import encoded
from wheelyard_operator.desired.credentials import ChosenPassword, Credentials, Previous
from wheelyard_operator.desired.user_secret import user_secret
from wheelyard_operator.resource import Manifest

CREATED = "2026-01-01T00:00:00Z"
OTHER = tokens.new_token(lambda size: b"\1" * size)
ALL = Credentials(
    TOKEN,
    NOW,
    ("d1", "d2"),
    OTHER,
    NOW,
    (Previous("sha256:1", NOW),),
    ChosenPassword("$argon2id$x", "$1$salt", "uid/7"),
)


def stored(credentials: Credentials, **data: str) -> Manifest:
    secret = user_secret(a_user(), "http://x/", credentials)
    secret["metadata"]["creationTimestamp"] = CREATED
    secret["data"] |= encoded(data)
    return secret


@pytest.mark.parametrize(
    "credentials", [ALL, Credentials(TOKEN, NOW), Credentials(TOKEN, NOW, previous=ALL.previous)]
)
def test_a_secret_remembers_everything(credentials: Credentials) -> None:
    assert Credentials.parse(stored(credentials)) == credentials


def test_the_digests_are_of_all_that_work() -> None:
    assert ALL.token_digests == (tokens.digest(TOKEN), tokens.digest(OTHER), "sha256:1")
    assert Credentials().token_digests == ()


@pytest.mark.parametrize(
    "state", ["", "{", "[]", "null", '{"issued": 5, "previous": 7, "password": [], "answered": 3}']
)
def test_damaged_state_counts_as_absent(state: str) -> None:
    assert Credentials.parse(stored(ALL, **{"wheelyard.json": state})) == Credentials(TOKEN, CREATED)


@pytest.mark.parametrize(
    "previous", [[{"digest": "d"}], [{"digest": "d", "until": "soon"}], [{"digest": 1, "until": NOW}], ["d"]]
)
def test_a_damaged_previous_token_does_not_work(previous: Any) -> None:
    state = str({"previous": previous}).replace("'", '"')
    assert Credentials.parse(stored(ALL, **{"wheelyard.json": state})).previous == ()


@pytest.mark.parametrize("broken", ["", "hunter2", "wy_" + "0" * 49])
def test_a_malformed_token_is_read_as_missing(broken: str) -> None:
    assert Credentials.parse(stored(ALL, password=broken)).token == ""
