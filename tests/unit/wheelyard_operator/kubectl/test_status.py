import json
from typing import Any

import pytest

from unit.wheelyard_operator.fakes import own_credentials
from unit.wheelyard_operator.kubectl.plugin import Plugin, conditions, reconciled_index, reconciled_user
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
    assert "Stalled" not in shown.out, "a condition that is as it should be is not shown"


def test_with_an_autoscaler_the_existing_servers_are_counted(plugin: Plugin) -> None:
    scaled = {"autoscaling": {"minReplicas": 3, "maxReplicas": 9}}
    plugin.kube.put(reconciled_index(spec=scaled, status={"replicas": 5, "readyReplicas": 4}))
    assert "  servers       4 of 5 ready" in plugin("status", "main").out.splitlines()
    assert " 4/5 " in plugin("status").out


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "its own IAM user, access key issued 2026-11-23T12:00:00Z"),
        ({"status": {"nextKeyRotation": "2030-01-01T00:00:00Z"}}, "next rotation 2030-01-01T00:00:00Z (in"),
        (own_credentials(), "managed by you, in Secret keys"),
        (
            {"s3__provision": {}, "s3__credentials": {"serviceAccount": {}}},
            "cloud role of ServiceAccount wheelyard-main",
        ),
        ({"storage": {"volume": {"size": "20Gi"}}}, "not needed for a volume"),
        ({"status": {"accessKeyIssued": None}}, "no access key yet"),
    ],
)
def test_status_shows_where_credentials_come_from(plugin: Plugin, changes: dict[str, Any], text: str) -> None:
    plugin.kube.put(reconciled_index(**changes))
    assert text in plugin("status", "main").out


def test_status_shows_the_upstreams_in_order(plugin: Plugin) -> None:
    assert "upstreams" not in plugin("status", "main").out
    torch = {"name": "torch", "url": "https://torch.example/whl/", "offline": True}
    other = {"name": "other", "url": "https://other.example/"}
    plugin.kube.put(reconciled_index(spec={"upstreams": [torch, other, {"name": "pypi", "pypi": {}}]}))
    lines = plugin("status", "main").out.splitlines()
    assert "  upstreams     torch (offline), other (https://other.example/), pypi (PyPI)" in lines


def test_a_problem_is_shown_first_with_its_message(plugin: Plugin) -> None:
    plugin.kube.put(reconciled_index(status={"conditions": conditions(Ready="False", Stalled="True")}))
    lines = plugin("status", "main").out.splitlines()
    assert lines[1:3] == ["  state         ReadyReason", "                The message of Ready."]
    assert "  Stalled           StalledReason. The message of Stalled." in lines


@pytest.mark.parametrize("status", [{"observedGeneration": 0}, {"conditions": []}])
def test_a_status_of_an_older_generation_is_shown_as_not_seen(plugin: Plugin, status: Manifest) -> None:
    plugin.kube.put(reconciled_index(status=status))
    assert "NotSeen" in plugin("status", "main").out.splitlines()[1]


def test_users_that_are_not_ready_come_first(plugin: Plugin) -> None:
    for number in range(30):
        plugin.kube.put(reconciled_user(f"u{number:02}"))
    plugin.kube.put(reconciled_user("zoe", status={"conditions": conditions(Ready="False")}))
    shown = plugin("status", "main").out
    assert "Users (32)" in shown
    assert shown.index("packages.zoe") < shown.index("packages.ci")
    assert "and 12 more: --all-users" in shown
    assert "packages.u29" in plugin("status", "main", "--all-users").out


@pytest.mark.parametrize("selects_fields", [True, False])
def test_users_of_other_indexes_are_ignored(plugin: Plugin, *, selects_fields: bool) -> None:
    plugin.kube.selects_fields = selects_fields
    plugin.kube.put(reconciled_user("other", "team", index_namespace="team"))
    assert "Users (1)" in plugin("status", "main").out


def test_users_of_other_indexes_are_not_even_read(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    every, found = plugin.kube.list, list[Manifest]()

    def record(kind: str, namespace: str = "", selector: str = "", fields: str = "") -> list[Manifest]:
        bodies = every(kind, namespace, selector, fields)
        found.extend(bodies)
        return bodies

    plugin.kube.put(reconciled_user("far", "team", index_namespace="packages"))
    plugin.kube.put(reconciled_user("other", "team", index_namespace="team"))
    monkeypatch.setattr(plugin.kube, "list", record)
    assert "Users (2)" in plugin("status", "main").out
    assert sorted(each["metadata"]["name"] for each in found) == ["ci", "far"]


def test_without_cluster_wide_rights_only_the_users_of_the_namespace_are_shown(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = plugin.kube.list

    def some(kind: str, namespace: str = "", selector: str = "", fields: str = "") -> list[Manifest]:
        if kind == USER and not namespace:
            raise ApiError(403, "forbidden")
        return every(kind, namespace, selector, fields)

    plugin.kube.put(reconciled_user("other", index_namespace="team"))
    monkeypatch.setattr(plugin.kube, "list", some)
    shown = plugin("status", "main")
    assert "Users (1)" in shown.out
    assert "Only users in namespace packages are shown" in shown.err


def test_status_shows_tokens_and_when_they_end(plugin: Plugin) -> None:
    status = {"nextRotation": "2100-01-01T00:00:00Z", "previousTokenUntil": "2100-01-02T00:00:00Z"}
    plugin.kube.put(reconciled_user(status=status))
    shown = plugin("status", "main").out
    assert "next rotation 2100-01-01T00:00:00Z (in" in shown
    assert "the previous one works until 2100-01-02T00:00:00Z" in shown
    plugin.kube.put(reconciled_user(credentials={"token": False}))
    assert "none: it logs in without one" in plugin("status", "main").out


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(plugin: Plugin, columns: int) -> None:
    message = {**conditions(Ready="False")[0], "message": "many words " * 40}
    plugin.kube.put(reconciled_index(status={"conditions": [message]}))
    plugin.kube.put(reconciled_user("a-user-whose-name-is-rather-long"))
    for arguments in (("status", "main"), ("status",), ("status", "-A")):
        shown = plugin(*arguments, COLUMNS=str(columns)).out
        assert max(map(len, shown.splitlines())) <= columns


def test_output_to_a_pipe_is_not_wrapped(plugin: Plugin) -> None:
    message = {**conditions(Ready="False")[0], "message": "many words " * 40}
    plugin.kube.put(reconciled_index(status={"conditions": [message]}))
    assert max(map(len, plugin("status", "main").out.splitlines())) > 400


def test_colors_are_used_only_on_terminals_that_support_them(plugin: Plugin) -> None:
    assert "\033[" in plugin("status", "main", tty=True, COLUMNS="80").out
    assert "\033[" not in plugin("status", "main", tty=True, COLUMNS="80", NO_COLOR="1").out
    assert "\033[" not in plugin("status", "main", tty=True, COLUMNS="80", TERM="dumb").out


def test_control_characters_of_a_resource_are_escaped(plugin: Plugin) -> None:
    plugin.kube.put(reconciled_user(status={"rights": ["read: \033[2Jboo"]}))
    shown = plugin("status", "main").out
    assert "\033" not in shown
    assert "\\x1b[2Jboo" in shown


def test_json_has_the_resources_of_the_api_server(plugin: Plugin) -> None:
    body = reconciled_index()
    body["metadata"]["managedFields"] = [{}]
    plugin.kube.put(body)
    items = json.loads(plugin("status", "main", "-o", "json").out)["items"]
    assert [each["kind"] for each in items] == ["PackageIndex", "IndexUser"]
    assert items[0]["status"]["readyReplicas"] == 2
    assert "managedFields" not in items[0]["metadata"]


def test_status_lists_the_indexes_of_a_namespace(plugin: Plugin) -> None:
    plugin.kube.put(reconciled_index("other", "team", status={"conditions": conditions(Ready="False")}))
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
