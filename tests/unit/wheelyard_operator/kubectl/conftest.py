import pytest

from unit.wheelyard_operator.kubectl.plugin import Plugin, secret_of, seen_index, seen_user


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Plugin:
    """Return the plugin on a cluster with an index and a user."""
    made = Plugin(monkeypatch)
    for body in (seen_index(), seen_user(), secret_of()):
        made.kube.put(body)
    return made
