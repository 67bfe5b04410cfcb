import json
from typing import Any

import pytest

from unit.wheelyard_operator.fakes import given
from unit.wheelyard_operator.kubectl.plugin import Plugin, conditions, seen_index, seen_user
from wheelyard_operator.kube import ApiError
from wheelyard_operator.resource import USER, Manifest


def test_status_shows_an_index_at_a_glance(plugin: Plugin) -> None:
    shown = plugin("status", "main")
    assert shown.code == 0
    lines = shown.out.splitlines()
    assert lines[:4] == [
        "PackageIndex packages/main",
        "  state         Ready",
        "  url           http://wheelyard-main.packages.svc.cluster.local/",
        "  servers       2 of 2 ready",
    ]
    assert "  storage       s3://acme/, kept when the index is deleted" in lines
    assert "  StorageReady      StorageReadyReason. The message of StorageReady." in lines
    assert "Users (1)" in lines
    assert "    rights      read, publish: acme-*" in lines
    assert "    secret      packages/ci-pypi" in lines
    assert "\033" not in shown.out
    assert "Stalled" not in shown.out, "what is as it should be needs no line"


def test_servers_are_counted_as_they_are_and_not_as_they_were_before_an_autoscaler(plugin: Plugin) -> None:
    scaled = {"autoscaling": {"minReplicas": 3, "maxReplicas": 9}}
    plugin.kube.put(seen_index(spec=scaled, status={"replicas": 5, "readyReplicas": 4}))
    assert "  servers       4 of 5 ready" in plugin("status", "main").out.splitlines()
    assert " 4/5 " in plugin("status").out


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "an IAM user of its own, access key of 2026-11-23T12:00:00Z"),
        ({"status": {"nextKeyRotation": "2030-01-01T00:00:00Z"}}, "replaced 2030-01-01T00:00:00Z (in"),
        (given(), "your own, in Secret keys"),
        (
            {"s3__provision": {}, "s3__credentials": {"serviceAccount": {}}},
            "the role of ServiceAccount wheelyard-main",
        ),
        ({"storage": {"volume": {"size": "20Gi"}}}, "a volume needs none"),
        ({"status": {"accessKeyIssued": None}}, "no access key yet"),
    ],
)
def test_status_shows_where_credentials_come_from(plugin: Plugin, changes: dict[str, Any], text: str) -> None:
    plugin.kube.put(seen_index(**changes))
    assert text in plugin("status", "main").out


def test_what_is_wrong_comes_first_with_its_message(plugin: Plugin) -> None:
    plugin.kube.put(seen_index(status={"conditions": conditions(Ready="False", Stalled="True")}))
    lines = plugin("status", "main").out.splitlines()
    assert lines[1:3] == ["  state         ReadyReason", "                The message of Ready."]
    assert "  Stalled           StalledReason. The message of Stalled." in lines


@pytest.mark.parametrize("status", [{"observedGeneration": 0}, {"conditions": []}])
def test_a_status_of_before_is_not_taken_for_the_present(plugin: Plugin, status: Manifest) -> None:
    plugin.kube.put(seen_index(status=status))
    assert "NotSeen" in plugin("status", "main").out.splitlines()[1]


def test_users_in_trouble_come_first_and_are_never_left_out(plugin: Plugin) -> None:
    for number in range(30):
        plugin.kube.put(seen_user(f"u{number:02}"))
    plugin.kube.put(seen_user("zoe", status={"conditions": conditions(Ready="False")}))
    shown = plugin("status", "main").out
    assert "Users (32)" in shown
    assert shown.index("packages.zoe") < shown.index("packages.ci")
    assert "and 12 more: --all-users" in shown
    assert "packages.u29" in plugin("status", "main", "--all-users").out


def test_users_of_other_indexes_are_ignored(plugin: Plugin) -> None:
    plugin.kube.put(seen_user("other", "team", index_namespace="team"))
    assert "Users (1)" in plugin("status", "main").out


def test_a_person_with_rights_in_one_namespace_is_shown_its_users(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = plugin.kube.list

    def some(kind: str, namespace: str = "", selector: str = "") -> list[Manifest]:
        if kind == USER and not namespace:
            raise ApiError(403, "forbidden")
        return every(kind, namespace, selector)

    monkeypatch.setattr(plugin.kube, "list", some)
    shown = plugin("status", "main")
    assert "Users (1)" in shown.out
    assert "Users of other namespaces than packages are not shown" in shown.err


def test_status_shows_tokens_and_when_they_end(plugin: Plugin) -> None:
    status = {"nextRotation": "2100-01-01T00:00:00Z", "previousTokenUntil": "2100-01-02T00:00:00Z"}
    plugin.kube.put(seen_user(status=status))
    shown = plugin("status", "main").out
    assert "replaced 2100-01-01T00:00:00Z (in" in shown
    assert "the one before works until 2100-01-02T00:00:00Z" in shown
    plugin.kube.put(seen_user(credentials={"token": False}))
    assert "none: it logs in by other means" in plugin("status", "main").out


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(plugin: Plugin, columns: int) -> None:
    message = {**conditions(Ready="False")[0], "message": "many words " * 40}
    plugin.kube.put(seen_index(status={"conditions": [message]}))
    plugin.kube.put(seen_user("a-user-whose-name-is-rather-long"))
    for arguments in (("status", "main"), ("status",), ("status", "-A")):
        shown = plugin(*arguments, COLUMNS=str(columns)).out
        assert max(map(len, shown.splitlines())) <= columns


def test_in_a_pipe_nothing_is_wrapped(plugin: Plugin) -> None:
    message = {**conditions(Ready="False")[0], "message": "many words " * 40}
    plugin.kube.put(seen_index(status={"conditions": [message]}))
    assert max(map(len, plugin("status", "main").out.splitlines())) > 400


def test_colors_are_used_only_on_terminals_that_support_them(plugin: Plugin) -> None:
    assert "\033[" in plugin("status", "main", tty=True, COLUMNS="80").out
    assert "\033[" not in plugin("status", "main", tty=True, COLUMNS="80", NO_COLOR="1").out
    assert "\033[" not in plugin("status", "main", tty=True, COLUMNS="80", TERM="dumb").out


def test_a_message_moves_no_cursor(plugin: Plugin) -> None:
    plugin.kube.put(seen_user(status={"rights": ["read: \033[2Jboo"]}))
    shown = plugin("status", "main").out
    assert "\033" not in shown
    assert "\\x1b[2Jboo" in shown


def test_json_is_what_the_api_server_has(plugin: Plugin) -> None:
    body = seen_index()
    body["metadata"]["managedFields"] = [{}]
    plugin.kube.put(body)
    items = json.loads(plugin("status", "main", "-o", "json").out)["items"]
    assert [each["kind"] for each in items] == ["PackageIndex", "IndexUser"]
    assert items[0]["status"]["readyReplicas"] == 2
    assert "managedFields" not in items[0]["metadata"]


def test_status_lists_the_indexes_of_a_namespace(plugin: Plugin) -> None:
    plugin.kube.put(seen_index("other", "team", status={"conditions": conditions(Ready="False")}))
    (header, main) = plugin("status").out.splitlines()
    assert header.split() == ["NAME", "STATE", "SERVERS", "USERS", "AGE", "STORAGE"]
    assert main.split()[:4] == ["main", "Ready", "2/2", "1"]
    every = plugin("status", "-A").out.splitlines()
    assert every[0].split()[:2] == ["NAMESPACE", "NAME"]
    assert every[2].split()[:3] == ["team", "other", "ReadyReason"]
    assert len(json.loads(plugin("status", "-A", "-o", "json").out)["items"]) == 2


def test_an_empty_list_is_stated(plugin: Plugin) -> None:
    shown = plugin("status", "-n", "nowhere")
    assert (shown.code, shown.out) == (0, "")
    assert "There is no PackageIndex in namespace nowhere" in shown.err
