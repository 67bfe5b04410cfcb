"""How many new names a client may ask for (U13)."""

import pytest

from support.fake_upstream import FakeTime
from wheelyard_server.catalog.mirrors import new_names
from wheelyard_server.catalog.mirrors.new_names import Asker, NewNames
from wheelyard_server.errors import TooManyNewNamesError

ANN = Asker("ann", "192.0.2.1")


def test_a_client_may_ask_for_so_many_names_at_once_and_then_at_that_rate() -> None:
    clock = FakeTime()
    names = NewNames(60, clock.monotonic)
    for _ in range(60):
        names.count(ANN)
    with pytest.raises(TooManyNewNamesError) as refused:
        names.count(ANN)
    assert refused.value.seconds == 60
    clock.sleep(60)
    names.count(ANN)
    with pytest.raises(TooManyNewNamesError):
        names.count(ANN)


def test_a_user_counts_alone_at_every_address_and_anonymous_clients_count_by_address() -> None:
    names = NewNames(1, FakeTime().monotonic)
    names.count(ANN)
    for other in (Asker("bob", ANN.address), Asker("", ANN.address), Asker("", "192.0.2.2"), None, None):
        names.count(other)
    for known in (ANN._replace(address="192.0.2.9"), Asker("", ANN.address)):
        with pytest.raises(TooManyNewNamesError):
            names.count(known)


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_names, "MAX_CLIENTS", 2)
    names = NewNames(1, FakeTime().monotonic)
    for number in range(3):
        names.count(Asker(f"user{number}", ""))
    names.count(Asker("user0", ""))
