import configparser
import netrc
from pathlib import Path

import pytest

from unit.wheelyard_operator.fakes import NOW, a_user
from wheelyard_operator.desired.common import decoded
from wheelyard_operator.desired.credentials import Credentials
from wheelyard_operator.desired.user_secret import user_secret

URL = "http://wheelyard-main.packages.svc.cluster.local/"
HOST = "wheelyard-main.packages.svc.cluster.local"
SIMPLE = f"http://ci.jenkins:wy_t@{HOST}/simple/"


@pytest.fixture
def values() -> dict[str, str]:
    secret = user_secret(a_user(namespace="ci"), URL, Credentials("wy_t", NOW))
    return {key: decoded(secret, key) for key in secret["data"]}


def test_the_users_secret_has_environment_variables_for_every_tool(values: dict[str, str]) -> None:
    assert {key: value for key, value in values.items() if key.isupper()} == {
        "PIP_INDEX_URL": SIMPLE,
        "PIP_TRUSTED_HOST": HOST,
        "UV_DEFAULT_INDEX": SIMPLE,
        "UV_PUBLISH_URL": f"{URL}legacy/",
        "UV_PUBLISH_USERNAME": "ci.jenkins",
        "UV_PUBLISH_PASSWORD": "wy_t",
        "TWINE_REPOSITORY_URL": f"{URL}legacy/",
        "TWINE_USERNAME": "ci.jenkins",
        "TWINE_PASSWORD": "wy_t",
    }
    assert (values["username"], values["password"]) == ("ci.jenkins", "wy_t")


def test_the_users_secret_has_a_pip_conf(values: dict[str, str]) -> None:
    parser = configparser.RawConfigParser()
    parser.read_string(values["pip.conf"])
    assert dict(parser["global"]) == {"index-url": SIMPLE, "trusted-host": HOST}


def test_the_users_secret_has_a_pypirc(values: dict[str, str]) -> None:
    parser = configparser.RawConfigParser()
    parser.read_string(values[".pypirc"])
    assert parser["distutils"]["index-servers"].split() == ["wheelyard"]
    expected = {"repository": f"{URL}legacy/", "username": "ci.jenkins", "password": "wy_t"}
    assert dict(parser["wheelyard"]) == expected


def test_the_users_secret_has_a_netrc(values: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text(values[".netrc"])
    found = netrc.netrc(str(tmp_path / "netrc")).authenticators(HOST)
    assert found is not None
    assert (found[0], found[2]) == ("ci.jenkins", "wy_t")


def test_over_tls_certificates_are_looked_at() -> None:
    secret = user_secret(a_user(namespace="ci"), "https://pypi.example.com:8443/", Credentials("wy_t", NOW))
    values = {key: decoded(secret, key) for key in secret["data"]}
    assert values["PIP_INDEX_URL"] == "https://ci.jenkins:wy_t@pypi.example.com:8443/simple/"
    assert values["TWINE_REPOSITORY_URL"] == "https://pypi.example.com:8443/legacy/"
    assert "PIP_TRUSTED_HOST" not in values
    assert "trusted-host" not in values["pip.conf"]
    assert "machine pypi.example.com\n" in values[".netrc"]


def test_without_a_token_there_are_the_addresses_alone() -> None:
    secret = user_secret(a_user(namespace="ci"), URL, Credentials())
    values = {key: decoded(secret, key) for key in secret["data"]}
    assert values["PIP_INDEX_URL"] == values["UV_DEFAULT_INDEX"] == f"http://{HOST}/simple/"
    assert values["TWINE_USERNAME"] == "ci.jenkins"
    assert values["wheelyard.json"] == "{}"
    assert not {"password", "TWINE_PASSWORD", "UV_PUBLISH_PASSWORD", ".netrc", ".pypirc", "pip.conf"} & set(values)
