import hashlib
import json

import pytest
import yaml

from unit.wheelyard_operator.fakes import NOW, an_exception, an_index
from wheelyard_operator.desired.common import content_digest
from wheelyard_operator.desired.policy_budget import LeftOut
from wheelyard_operator.desired.policy_file import (
    digest_of,
    exception_entry,
    first_seen,
    policy_configmap,
    policy_file,
    policy_mount,
    policy_volume,
)
from wheelyard_operator.resource import Manifest

PYPI = {"upstreams": [{"name": "pypi", "pypi": {}}]}
LATER = "2026-11-24T12:00:00Z"


def test_the_file_has_the_names_the_rules_and_the_exceptions() -> None:
    rules = {"cooldown": {"action": "Block", "age": "7d", "fixes": ""}, "malware": {"action": "Off"}}
    text = policy_file(["acme-*"], rules, [{"packages": ["a"]}])
    assert yaml.safe_load(text) == {
        "names": {"private": ["acme-*"]},
        "policy": {
            "cooldown": {"action": "Block", "age": "7d"},
            "malware": {"action": "Off"},
            "exceptions": [{"packages": ["a"]}],
        },
    }
    assert digest_of(text) == hashlib.sha256(text.encode()).hexdigest()


def test_a_request_is_written_with_its_source_and_its_allowed_end() -> None:
    entry = exception_entry(an_exception(approvedBy="ann", advisories=["GHSA-1"]), "2026-12-01T00:00:00Z")
    assert entry == {
        "packages": ["urllib3"],
        "versions": "==2.6.1",
        "from": ["cooldown"],
        "until": "2026-12-01T00:00:00Z",
        "reason": "SEC-412",
        "advisories": ["GHSA-1"],
        "approvedBy": "ann",
        "source": "ci/urllib3",
    }
    assert {"advisories", "approvedBy"}.isdisjoint(exception_entry(an_exception(), LATER))


def configmap(seen: dict[str, str]) -> Manifest:
    return policy_configmap(an_index(), "", seen, LeftOut())


def test_the_time_at_which_an_exception_was_first_seen_is_kept() -> None:
    one, two = {"reason": "1"}, {"reason": "2"}
    seen = first_seen(None, [one], NOW)
    assert seen == {content_digest(one): NOW}
    assert first_seen(configmap(seen), [one, two], LATER) == {content_digest(one): NOW, content_digest(two): LATER}
    assert first_seen(configmap(seen), [two], LATER) == {content_digest(two): LATER}


@pytest.mark.parametrize("value", ["2099-01-01T00:00:00Z", "", "0", "z", None, 5])
def test_a_time_that_was_changed_by_hand_lengthens_no_exception(value: object) -> None:
    one = {"reason": "1"}
    body = configmap({content_digest(one): NOW})
    body["data"]["seen.json"] = json.dumps({content_digest(one): value})
    assert first_seen(body, [one], LATER) == {content_digest(one): LATER}
    for damaged in ("[", "[]", ""):
        body["data"]["seen.json"] = damaged
        assert first_seen(body, [one], LATER) == {content_digest(one): LATER}


def test_only_the_policy_file_is_mounted() -> None:
    index = an_index(spec=PYPI)
    (volume,), (mount,) = policy_volume(index), policy_mount(index)
    assert volume["configMap"] == {
        "name": "wheelyard-main-policy",
        "items": [{"key": "policy.yaml", "path": "policy.yaml"}],
    }
    assert mount == {"name": volume["name"], "mountPath": "/etc/wheelyard/policy", "readOnly": True}
    assert policy_volume(an_index()) == policy_mount(an_index()) == []


def test_what_is_left_out_is_an_annotation() -> None:
    assert "annotations" not in configmap({})["metadata"]
    body = policy_configmap(an_index(), "", {}, LeftOut({"ci": "x"}))
    assert body["metadata"]["annotations"] == {"wheelyard.dev/left-out": '{"ci": "x"}'}
