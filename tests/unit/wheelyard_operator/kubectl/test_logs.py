import argparse
import json
from itertools import islice

import pytest

from unit.wheelyard_operator.fakes import an_index
from unit.wheelyard_operator.kubectl.plugin import SERVER, Plugin, running_server
from wheelyard_operator.kubectl import logs
from wheelyard_operator.kubectl.connection import Connection


def line(second: int, message: str, **fields: str) -> str:
    time = f"2026-11-23T12:00:{second:02}"
    body = {"time": f"{time}.123Z", "level": "INFO", "logger": "audit", "message": message, **fields}
    return f"{time}.123456789Z {json.dumps(body)}"


@pytest.fixture
def servers(plugin: Plugin) -> Plugin:
    """Return a plugin on a cluster with two servers, and a third that has not started."""
    plugin.logs.of = {
        "wheelyard-main-1-aaaaa": [line(1, "publish done", user="packages.ci"), line(5, "five")],
        "wheelyard-main-1-bbbbb": [line(3, "three"), "2026-11-23T12:00:06.000000000Z not JSON"],
    }
    for name in (*plugin.logs.of, "wheelyard-main-1-ccccc"):
        plugin.kube.put(running_server(name))
    return plugin


def test_the_logs_of_all_servers_are_merged_in_the_order_of_time(servers: Plugin) -> None:
    assert servers("logs", "main").out.splitlines() == [
        "aaaaa 2026-11-23 12:00:01 INFO audit publish done user=packages.ci",
        "bbbbb 2026-11-23 12:00:03 INFO audit three",
        "aaaaa 2026-11-23 12:00:05 INFO audit five",
        "bbbbb not JSON",
    ]


def test_json_has_the_lines_as_the_servers_wrote_them(servers: Plugin) -> None:
    shown = [json.loads(each) for each in servers("logs", "main", "-o", "json").out.splitlines()]
    assert len(shown) == 4
    assert shown[0] == {
        "pod": "wheelyard-main-1-aaaaa",
        "time": "2026-11-23T12:00:01.123Z",
        "level": "INFO",
        "logger": "audit",
        "message": "publish done",
        "user": "packages.ci",
    }
    assert shown[-1] == {"pod": "wheelyard-main-1-bbbbb", "message": "not JSON"}


def test_tail_prints_the_last_lines_of_each_server(servers: Plugin) -> None:
    servers.logs.of["wheelyard-main-1-bbbbb"] = [line(1, "one"), line(2, "two")]
    shown = servers("logs", "main", "--tail", "1").out
    assert shown.splitlines() == [
        "bbbbb 2026-11-23 12:00:02 INFO audit two",
        "aaaaa 2026-11-23 12:00:05 INFO audit five",
    ]


@pytest.mark.parametrize(
    ("options", "since", "tail"),
    [((), None, 100), (("--since", "2m"), 120, None), (("--tail", "-1"), None, None), (("--tail", "0"), None, 0)],
)
def test_the_options_select_lines_by_time_and_count(
    servers: Plugin, options: tuple[str, ...], since: int | None, tail: int | None
) -> None:
    assert servers("logs", "main", *options).code == 0
    assert {(each.since_seconds, each.tail) for each in servers.logs.options} == {(since, tail)}


def test_control_characters_in_a_line_are_escaped(servers: Plugin) -> None:
    servers.logs.of["wheelyard-main-1-aaaaa"] = [line(1, "\033[2J", user="x\ny")]
    shown = servers("logs", "main").out
    assert "\033" not in shown
    assert "\\x1b[2J user=x\\ny" in shown


def test_an_exception_is_indented(servers: Plugin) -> None:
    servers.logs.of = {"wheelyard-main-1-aaaaa": [line(1, "failed", exception="Traceback:\n  boom")]}
    assert servers("logs", "main").out.splitlines() == [
        "aaaaa 2026-11-23 12:00:01 INFO audit failed",
        "aaaaa     Traceback:",
        "aaaaa       boom",
    ]


def test_logs_says_that_an_index_has_no_servers(plugin: Plugin) -> None:
    assert "has no servers at the moment" in plugin("logs", "main").err


def test_following_includes_servers_that_start_later(servers: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_POLL_SECONDS", 0.01)
    arguments = argparse.Namespace(tail=None, since=None, output=None)
    connection = Connection(servers.kube, servers.logs, "packages", SERVER)
    lines = logs._reader(arguments, connection, an_index()).follow()
    past = {str(entry.fields["message"]) for _, entry in islice(lines, 4)}
    assert past == {"publish done", "three", "five", "not JSON"}
    servers.logs.of["wheelyard-main-1-bbbbb"].append(line(7, "seven"))
    assert next(lines)[1].fields["message"] == "seven"
    servers.logs.of["wheelyard-main-2-ddddd"] = [line(8, "eight")]
    servers.kube.put(running_server("wheelyard-main-2-ddddd"))
    pod, entry = next(lines)
    assert (pod, entry.fields["message"]) == ("wheelyard-main-2-ddddd", "eight")
    for body in list(servers.kube.objects.values()):
        if body["kind"] == "Pod":
            body["status"]["phase"] = "Succeeded"  # the threads end
