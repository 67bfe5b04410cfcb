from dataclasses import replace

import pytest

from unit.wheelyard_operator.fakes import SETTINGS
from wheelyard_operator.provision.clients import Clients, Credentials, new_session

OTHER = replace(SETTINGS, s3_endpoint="http://s3:7070", iam_endpoint="http://s3:7076")


def test_the_endpoint_follows_the_settings() -> None:
    clients = Clients(OTHER)
    assert clients.own_s3("eu-west-1").meta.endpoint_url == "http://s3:7070"
    assert clients.iam.meta.endpoint_url == "http://s3:7076"
    given = Credentials("a", "b")
    assert clients.s3(given, "", "").meta.endpoint_url == "http://s3:7070"
    assert clients.s3(given, "https://other", "").meta.endpoint_url == "https://other"


@pytest.fixture
def with_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")


@pytest.mark.usefixtures("with_credentials")
def test_own_clients_are_kept() -> None:
    clients = Clients(OTHER)
    assert clients.own_s3("eu-west-1") is clients.own_s3("eu-west-1")
    assert clients.own_s3("eu-west-1") is not clients.own_s3("us-east-1")


@pytest.mark.usefixtures("with_credentials")
def test_a_region_is_free_text_and_clients_for_any_number_of_them_are_not_kept() -> None:
    clients = Clients(OTHER)
    first = clients.own_s3("region-0")
    for number in range(1, 18):
        clients.own_s3(f"region-{number}")
    assert clients.own_s3("region-0") is not first


def test_a_client_that_found_no_credentials_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    clients = Clients(OTHER)
    assert clients.own_s3("eu-west-1") is not clients.own_s3("eu-west-1")


def test_clients_have_short_timeouts_and_few_retries() -> None:
    config = vars(Clients(OTHER).own_s3("us-east-1").meta.config)["_user_provided_options"]
    assert config["connect_timeout"] == 3
    assert config["retries"]["total_max_attempts"] == 2


def test_sessions_share_what_botocore_parsed() -> None:
    one, other = (new_session().client("s3", region_name="us-east-1").meta.service_model for _ in range(2))
    assert one.metadata is other.metadata
