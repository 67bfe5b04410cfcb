from unit.wheelyard_operator.kubectl.plugin import Plugin, reconciled_index
from wheelyard_operator.resource import END_SESSIONS_ANNOTATION


def request(plugin: Plugin) -> str | None:
    body = plugin.kube.get("PackageIndex", "packages", "main")
    assert body
    value: str | None = body["metadata"].get("annotations", {}).get(END_SESSIONS_ANNOTATION)
    return value


def test_each_request_has_a_new_value(plugin: Plugin) -> None:
    values = set()
    for _ in range(3):
        shown = plugin("sessions", "end", "main")
        assert (shown.code, shown.err) == (0, "")
        assert shown.out == "PackageIndex packages/main: all sessions end within seconds. People log in again.\n"
        values.add(request(plugin))
    assert len(values - {None}) == 3


def test_an_index_that_the_operator_leaves_alone_is_not_annotated(plugin: Plugin) -> None:
    plugin.kube.put(reconciled_index(annotations={"wheelyard.dev/paused": "true"}))
    shown = plugin("sessions", "end", "main")
    assert shown.code == 1
    assert "is paused: run kubectl wheelyard resume index/main first" in shown.err
    assert plugin.kube.writes == []


def test_an_index_without_pages_has_no_sessions(plugin: Plugin) -> None:
    plugin.kube.put(reconciled_index(spec={"web": {"enabled": False}}))
    shown = plugin("sessions", "end", "main")
    assert (shown.code, plugin.kube.writes) == (1, [])
    assert "spec.web.enabled is false" in shown.err
