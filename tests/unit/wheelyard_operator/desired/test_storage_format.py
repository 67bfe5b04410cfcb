import base64

import pytest

from unit.wheelyard_operator.fakes import an_index
from wheelyard_operator.desired.access_secret import access_secret
from wheelyard_operator.desired.common import decoded
from wheelyard_operator.desired.storage_format import allowed_format, read_format


@pytest.mark.parametrize(
    ("before", "known", "expected"),
    [
        (1, [2, 2], 2),
        (1, [1, 2], 1),
        (1, [2, None], 1),
        (1, [], 1),
        (2, [], 2),
        (2, [2, None], 2),
        (2, [None, None], 2),
        (2, [1, None], 1),
        (2, [2, 1], 1),
        (2, [3, 3], 3),
        (2, [3, None], 2),
    ],
)
def test_the_format_is_that_which_every_pod_is_known_to_know(
    before: int, known: list[int | None], expected: int
) -> None:
    assert allowed_format(before, known) == expected


@pytest.mark.parametrize("storage_format", [1, 2, 3])
def test_what_the_secret_says_is_found_again(storage_format: int) -> None:
    secret = access_secret(an_index(), "", "", storage_format=storage_format)
    assert read_format(secret) == storage_format
    assert decoded(secret, "storage-format") == (f"{storage_format}\n" if storage_format > 1 else "")


@pytest.mark.parametrize(
    "secret",
    [
        None,
        {},
        {"data": {"storage-format": "!"}},
        {"data": {"storage-format": "eA=="}},
        {"data": {"storage-format": base64.b64encode(b"9" * 5000).decode()}},
    ],
)
def test_a_damaged_secret_allows_no_newer_format(secret: dict[str, dict[str, str]] | None) -> None:
    assert read_format(secret) == 1
