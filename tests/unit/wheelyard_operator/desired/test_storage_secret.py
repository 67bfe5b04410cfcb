import pytest

from unit.wheelyard_operator.fakes import NOW, an_index
from wheelyard_operator.desired.common import decoded, encoded
from wheelyard_operator.desired.storage_secret import StorageKey, storage_secret

KEY = StorageKey("AK", "s", issued=NOW, answered=("a1", "b2"), deactivated=NOW)


def test_a_written_storage_secret_is_read_back() -> None:
    secret = storage_secret(an_index(), KEY)
    assert secret["metadata"]["name"] == "wheelyard-main-storage"
    assert decoded(secret, "AWS_ACCESS_KEY_ID") == "AK"
    assert decoded(secret, "AWS_SECRET_ACCESS_KEY") == "s"
    assert StorageKey.parse(secret) == KEY
    assert "s" not in KEY.state.split('"'), "the key is where the pods look for it, and nowhere else"


@pytest.mark.parametrize("state", ["", "no JSON", "[]", "3", '{"issued": 5, "deactivated": "soon"}'])
def test_a_storage_secret_without_a_record_is_dated_by_its_creation(state: str) -> None:
    data = encoded({"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "s", "wheelyard.json": state})
    key = StorageKey.parse({"metadata": {"creationTimestamp": NOW}, "data": data})
    assert key == StorageKey("AK", "s", issued=NOW)


def test_half_a_key_is_read_as_no_key() -> None:
    assert StorageKey.parse({"metadata": {}, "data": encoded({"AWS_ACCESS_KEY_ID": "AK"})}) == StorageKey()
    assert StorageKey.parse({}) == StorageKey()
