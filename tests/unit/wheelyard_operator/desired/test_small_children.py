"""The children that are a few lines each."""

from __future__ import annotations

from unit.wheelyard_operator.fakes import an_index
from wheelyard_operator.desired.access_secret import access_secret
from wheelyard_operator.desired.common import decoded, selector_labels
from wheelyard_operator.desired.configmap import configmap
from wheelyard_operator.desired.poddisruptionbudget import poddisruptionbudget
from wheelyard_operator.desired.service import service
from wheelyard_operator.desired.serviceaccount import serviceaccount
from wheelyard_operator.desired.storage_secret import storage_secret


def test_access_secret() -> None:
    secret = access_secret(an_index(), "users: []", "")
    assert secret["metadata"]["name"] == "wheelyard-main-access"
    assert decoded(secret, "access.yaml") == "users: []"
    assert "minting-key" not in secret["data"]
    assert decoded(access_secret(an_index(), "", "key"), "minting-key") == "key"


def test_configmap() -> None:
    assert configmap(an_index(), "index: x")["data"] == {"index.yaml": "index: x"}


def test_service_selects_the_pods() -> None:
    spec = service(an_index())["spec"]
    assert spec["selector"] == selector_labels(an_index())
    assert spec["ports"][0]["port"] == 80


def test_serviceaccount_has_no_token() -> None:
    assert serviceaccount(an_index())["automountServiceAccountToken"] is False


def test_storage_secret() -> None:
    secret = storage_secret(an_index(), "AK", "s")
    assert secret["metadata"]["name"] == "wheelyard-main-storage"
    assert decoded(secret, "AWS_ACCESS_KEY_ID") == "AK"
    assert decoded(secret, "AWS_SECRET_ACCESS_KEY") == "s"


def test_budget_only_where_it_would_not_block_every_drain() -> None:
    budget = poddisruptionbudget(an_index(replicas=2))
    assert budget
    assert budget["spec"]["maxUnavailable"] == 1
    assert poddisruptionbudget(an_index(replicas=1)) is None
    assert poddisruptionbudget(an_index(replicas=0)) is None
