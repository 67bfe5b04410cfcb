from collections.abc import Callable, Sequence
from typing import Any

import pytest

from unit.wheelyard_operator.fakes import SETTINGS, an_index
from unit.wheelyard_operator.kubectl.plugin import Plugin
from wheelyard_operator.desired.deployment import deployment
from wheelyard_operator.kube import ApiError
from wheelyard_operator.resource import Manifest


@pytest.fixture
def checked(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that makes each step happen to the Job the next time that the plugin waits."""
    plugin.kube.put(deployment(an_index(), SETTINGS, config_digest="c", credentials_digest="k"))

    def happens(*steps: Callable[[Plugin, Manifest], None]) -> None:
        left = list(steps)

        def sleep(_: float) -> None:
            (job,) = plugin.kube.list("Job")
            left.pop(0)(plugin, job)

        monkeypatch.setattr("wheelyard_operator.kubectl.verify.time.sleep", sleep)

    return happens


def pod_is(
    state: dict[str, Any], *lines: str, sidecars: Sequence[Manifest] = (), **status: Any
) -> Callable[[Plugin, Manifest], None]:
    def step(plugin: Plugin, job: Manifest) -> None:
        name = f"{job['metadata']['name']}-x"
        owner = {"kind": "Job", "name": job["metadata"]["name"], "uid": "uid-of-the-job", "controller": True}
        labels = {"job-name": job["metadata"]["name"]}
        metadata = {"name": name, "namespace": "packages", "labels": labels, "ownerReferences": [owner]}
        container = {"name": "verify", "image": "i", "state": state}
        body = {"containerStatuses": [*sidecars, container], **status}
        plugin.kube.put({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": body})
        if lines:
            plugin.logs.of[name] = [f"2026-11-23T12:00:0{at}Z {line}" for at, line in enumerate(lines)]

    return step


RUNNING: dict[str, Any] = {"running": {}}


def ended(code: int) -> dict[str, Any]:
    return {"terminated": {"exitCode": code}}


@pytest.mark.parametrize(
    ("code", "exits", "text"),
    [
        (0, 0, "no findings"),
        (1, 1, "there are findings"),
        (2, 2, "could not be done"),
        (137, 2, "with code 137"),
    ],
)
def test_the_output_and_exit_code_are_those_of_the_job(
    plugin: Plugin, checked: Callable[..., None], code: int, exits: int, text: str
) -> None:
    checked(
        pod_is({}), pod_is(RUNNING, "finding: a: is missing"), pod_is(ended(code), "finding: a: is missing", "end")
    )
    shown = plugin("verify", "main")
    assert shown.out == "finding: a: is missing\nend\n"
    assert text in shown.err
    assert shown.code == exits
    assert plugin.kube.list("Job") == [], "the Job is removed"


def sidecar(state: dict[str, Any]) -> Manifest:
    """Return the status of an injected container; the kubelet sorts them by name."""
    return {"name": "istio-proxy", "image": "mesh", "state": state}


@pytest.mark.parametrize("of_sidecar", [ended(0), RUNNING, {"waiting": {}}])
@pytest.mark.parametrize("code", [0, 1])
def test_the_result_comes_from_the_checks_own_container(
    plugin: Plugin, checked: Callable[..., None], of_sidecar: dict[str, Any], code: int
) -> None:
    sidecars = [sidecar(of_sidecar)]
    checked(
        pod_is({}, sidecars=[sidecar(ended(0))]),
        pod_is(RUNNING, "half", sidecars=sidecars),
        pod_is(RUNNING, "half", sidecars=sidecars),
        pod_is(ended(code), "half", "end", sidecars=sidecars),
    )
    shown = plugin("verify", "main")
    assert (shown.code, shown.out) == (code, "half\nend\n")


def test_without_a_result_of_its_own_container_there_is_no_verdict(
    plugin: Plugin, checked: Callable[..., None]
) -> None:
    evicted = pod_is({}, sidecars=[sidecar(ended(0))], phase="Failed")
    checked(pod_is(RUNNING, sidecars=[sidecar(RUNNING)]), evicted, evicted)
    shown = plugin("verify", "main")
    assert shown.code == 2
    assert "no findings" not in shown.err


def test_a_foreign_pod_with_the_label_is_ignored(plugin: Plugin, checked: Callable[..., None]) -> None:
    def stray(plugin: Plugin, job: Manifest) -> None:
        status = {"containerStatuses": [{"name": "verify", "image": "i", "state": ended(0)}]}
        metadata = {"name": "a", "namespace": "packages", "labels": {"job-name": job["metadata"]["name"]}}
        plugin.kube.put({"kind": "Pod", "metadata": metadata, "status": status})

    checked(stray, pod_is(ended(1), "end"))
    assert plugin("verify", "main").code == 1


def test_the_job_is_removed_even_after_an_interrupt(plugin: Plugin, checked: Callable[..., None]) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    checked(interrupt)
    with pytest.raises(KeyboardInterrupt):
        plugin("verify", "main")
    assert plugin.kube.list("Job") == []
    assert [each.split()[0] for each in plugin.kube.writes] == ["create", "delete"]


def test_the_reason_for_waiting_is_printed_once(plugin: Plugin, checked: Callable[..., None]) -> None:
    unschedulable = {"type": "PodScheduled", "status": "False", "message": "no room"}
    keeps = pod_is({"waiting": {}}, conditions=[unschedulable])
    checked(keeps, keeps, pod_is(ended(0), "fine"))
    shown = plugin("verify", "main")
    assert shown.err.count("no room") == 1
    assert shown.code == 0


def test_a_job_whose_pod_is_refused_ends_the_check(plugin: Plugin, checked: Callable[..., None]) -> None:
    def fail(plugin: Plugin, job: Manifest) -> None:
        conditions = [{"type": "Failed", "status": "True", "message": "pods are forbidden: quota"}]
        plugin.kube.put({**job, "status": {"conditions": conditions}})

    checked(fail)
    shown = plugin("verify", "main")
    assert (shown.code, plugin.kube.list("Job")) == (2, [])
    assert "pods are forbidden: quota" in shown.err


def test_an_evicted_pod_gives_no_result(plugin: Plugin, checked: Callable[..., None]) -> None:
    def remove(plugin: Plugin, job: Manifest) -> None:
        del plugin.kube.objects["Pod", "packages", f"{job['metadata']['name']}-x"]

    checked(pod_is(RUNNING, "line"), remove)
    shown = plugin("verify", "main")
    assert shown.code == 2
    assert "before it had a result" in shown.err


def test_json_goes_to_stdout_and_progress_to_stderr(plugin: Plugin, checked: Callable[..., None]) -> None:
    checked(pod_is(ended(0), "12 projects so far", '{"event": "summary"}'))
    shown = plugin("verify", "main", "--quick", "-o", "json")
    assert shown.out == '{"event": "summary"}\n'
    assert "12 projects so far" in shown.err


def test_options_reach_the_job(plugin: Plugin, checked: Callable[..., None]) -> None:
    commands = []

    def look(plugin: Plugin, job: Manifest) -> None:
        commands.append(job["spec"]["template"]["spec"]["containers"][0]["command"])
        pod_is(ended(0), "fine")(plugin, job)

    checked(look)
    assert plugin("verify", "main", "--quick", "-o", "json").code == 0
    assert commands[0][-2:] == ["--quick", "--json"]


def test_an_index_that_is_not_deployed_is_not_checked(plugin: Plugin) -> None:
    shown = plugin("verify", "main")
    assert shown.code == 2
    assert "is not deployed yet" in shown.err


def test_a_person_who_may_not_create_a_job_gets_a_clear_error(
    plugin: Plugin, checked: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Manifest) -> None:
        raise ApiError(
            403, 'User "jane" cannot create resource "jobs" in API group "batch" in the namespace "packages"'
        )

    checked()
    monkeypatch.setattr(plugin.kube, "create", refuse)
    assert (
        "You (jane) do not have permission to create jobs.batch in namespace packages."
        in plugin("verify", "main").err
    )
