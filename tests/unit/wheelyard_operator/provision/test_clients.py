from __future__ import annotations

from dataclasses import replace

from unit.wheelyard_operator.fakes import SETTINGS
from wheelyard_operator.provision.clients import Clients, Credentials

OTHER = replace(SETTINGS, s3_endpoint="http://s3:7070", iam_endpoint="http://s3:7076")


def test_endpoints() -> None:
    clients = Clients(OTHER)
    assert clients.own_s3("eu-west-1").meta.endpoint_url == "http://s3:7070"
    assert clients.iam.meta.endpoint_url == "http://s3:7076"
    given = Credentials("a", "b")
    assert clients.s3(given, "", "").meta.endpoint_url == "http://s3:7070"
    assert clients.s3(given, "https://other", "").meta.endpoint_url == "https://other"


def test_own_clients_are_kept() -> None:
    clients = Clients(OTHER)
    assert clients.own_s3("eu-west-1") is clients.own_s3("eu-west-1")
    assert clients.own_s3("eu-west-1") is not clients.own_s3("us-east-1")


def test_they_give_up_early() -> None:
    config = vars(Clients(OTHER).own_s3("us-east-1").meta.config)["_user_provided_options"]
    assert config["connect_timeout"] == 3
    assert config["retries"]["total_max_attempts"] == 2
