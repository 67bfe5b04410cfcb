"""The comparison of the operator's roles with its requests (tests/support/rights.py)."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from support.rights import Install, Right, granted, requests, verdict

ROLE = {
    "kind": "ClusterRole",
    "rules": [
        {"apiGroups": ["", "apps"], "resources": ["secrets"], "verbs": ["get", "patch", "create"]},
        {"nonResourceURLs": ["/openid/v1/jwks"], "verbs": ["get"]},
    ],
}
SECRETS = {Right("get", "secrets"), Right("patch", "secrets"), Right("create", "secrets")}
INSTALLS = [
    Install(datetime.fromisoformat(begin), datetime.fromisoformat(end), namespaces)
    for begin, end, namespaces in (
        ("2026-11-25T10:00:00Z", "2026-11-25T10:00:10Z", ()),
        ("2026-11-25T10:30:00Z", "2026-11-25T10:30:10Z", ("one",)),
    )
]


def event(
    time: str, verb: str, *, pod: str = "a", resource: str = "secrets", code: int = 200, **annotations: str
) -> dict[str, Any]:
    return {
        "requestReceivedTimestamp": f"2026-11-25T{time}.000000Z",
        "verb": verb,
        "requestURI": f"/api/v1/namespaces/x/{resource}?limit=1",
        "objectRef": {"resource": resource, "namespace": "x"},
        "user": {"extra": {"authentication.kubernetes.io/pod-name": [pod]}},
        "annotations": {"authorization.k8s.io/decision": "allow", **annotations},
        "responseStatus": {"code": code},
    }


def judged(tmp_path: Path, *events: dict[str, Any], whole_suite: bool = True) -> tuple[str, ...]:
    log = tmp_path / "audit.log"
    log.write_text("".join(json.dumps(each) + "\n" for each in events) + '{"half')
    found = requests(log, datetime.fromisoformat("2026-11-25T09:00:00Z"))
    return verdict(found, INSTALLS, {(): SECRETS}, whole_suite=whole_suite).wrong


REFUSED = {"authorization.k8s.io/decision": "forbid"}


def test_a_role_grants_its_rules() -> None:
    of_apps = {right._replace(resource="secrets.apps") for right in SECRETS}
    assert granted([ROLE, {"kind": "Service"}]) == {*SECRETS, *of_apps, Right("get", "/openid/v1/jwks")}
    with pytest.raises(AssertionError, match="name what is meant"):
        granted([{"kind": "Role", "rules": [{"apiGroups": [""], "resources": ["*"], "verbs": ["get"]}]}])


def test_all_that_is_granted_is_used(tmp_path: Path) -> None:
    everything = (event("10:01:00", "get"), event("10:02:00", "patch", code=201))
    assert judged(tmp_path, *everything) == ()


def test_a_right_that_was_never_used_is_reported(tmp_path: Path) -> None:
    (wrong,) = judged(tmp_path, event("10:01:00", "get"), event("10:02:00", "patch"))
    assert wrong.endswith("no test has used it: create secrets")
    assert judged(tmp_path, event("10:01:00", "get"), whole_suite=False) == ()


def test_a_refused_request_is_reported(tmp_path: Path) -> None:
    refused = event("10:31:00", "delete", pod="b", code=403, **REFUSED)
    (wrong,) = judged(tmp_path, refused, whole_suite=False)
    assert wrong == "refused to the operator of single namespaces: delete /api/v1/namespaces/x/secrets"


def test_an_operator_that_is_being_replaced_may_be_refused(tmp_path: Path) -> None:
    old = (event("10:29:00", "get"), event("10:30:05", "get", code=403, **REFUSED))
    assert judged(tmp_path, *old, whole_suite=False) == ()
    new = event("10:30:05", "get", pod="b", code=403, **REFUSED)
    assert len(judged(tmp_path, *old, new, whole_suite=False)) == 1


def test_a_namespace_that_is_going_is_no_refusal_of_a_role(tmp_path: Path) -> None:
    assert judged(tmp_path, event("10:01:00", "patch", code=403), whole_suite=False) == ()


def test_installs_are_sent_from_one_process_of_the_tests_to_another() -> None:
    sent = json.loads(json.dumps([each.packed for each in INSTALLS]))
    assert [Install.unpacked(each) for each in sent] == INSTALLS
