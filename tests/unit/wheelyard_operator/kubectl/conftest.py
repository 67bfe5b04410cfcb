import pytest

from unit.wheelyard_operator.kubectl.plugin import Plugin, reconciled_index, reconciled_user, user_secret_body


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Plugin:
    """Return the plugin on a cluster with an index and a user."""
    made = Plugin(monkeypatch)
    for body in (reconciled_index(), reconciled_user(), user_secret_body()):
        made.kube.put(body)
    return made
