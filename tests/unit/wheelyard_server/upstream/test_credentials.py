"""Credentials in a folder that Kubernetes renews."""

import os
import ssl
from pathlib import Path

import pytest

from support.tls import certify
from wheelyard_server.upstream.credentials import NO_CREDENTIALS, CredentialsFolder, UnusableCredentialsError


def write(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_text(content)
    return folder


def test_without_a_folder_there_are_no_credentials() -> None:
    assert CredentialsFolder(None).current() is NO_CREDENTIALS


@pytest.mark.parametrize(
    ("files", "authorization"),
    [
        ({"username": "aws", "password": "a:b"}, "Basic YXdzOmE6Yg=="),
        ({"username": "aws\n", "password": "a:b\r\n"}, "Basic YXdzOmE6Yg=="),
        ({"username": "aws", "password": "ä"}, "Basic YXdzOsOk"),
        ({"token": "abc.def\n"}, "Bearer abc.def"),
        ({"token": "abc", "username": "aws", "password": "x"}, "Bearer abc"),
    ],
)
def test_a_token_is_bearer_and_a_password_is_basic(
    tmp_path: Path, files: dict[str, str], authorization: str
) -> None:
    assert CredentialsFolder(write(tmp_path, **files)).current().authorization == authorization


@pytest.mark.parametrize("files", [{}, {"username": "aws"}, {"password": "x"}, {"tls_crt": "x"}, {"token": "\n"}])
def test_a_folder_without_credentials_is_an_error_that_names_the_files(
    tmp_path: Path, files: dict[str, str]
) -> None:
    with pytest.raises(UnusableCredentialsError, match="its Secret must have `username` and `password`"):
        CredentialsFolder(write(tmp_path, **files)).current()


@pytest.mark.parametrize("token", ["a\nX-Evil: 1", "a b", "ä", "a\0"])
def test_a_token_that_would_be_another_header_is_refused(tmp_path: Path, token: str) -> None:
    with pytest.raises(UnusableCredentialsError, match="characters that a header cannot have") as raised:
        CredentialsFolder(write(tmp_path, token=token)).current()
    assert token not in str(raised.value)


def test_files_that_change_are_read_again_and_others_are_not(tmp_path: Path) -> None:
    folder = CredentialsFolder(write(tmp_path, token="one"))
    first = folder.current()
    assert folder.current() is first
    write(tmp_path, new="two")
    os.replace(tmp_path / "new", tmp_path / "token")  # noqa: PTH105 - as the kubelet does
    assert folder.current().authorization == "Bearer two"


def test_rereading_ignores_that_nothing_seems_to_have_changed(tmp_path: Path) -> None:
    folder = CredentialsFolder(write(tmp_path, token="one"))
    assert folder.reread() == folder.current()


def test_no_repr_has_a_secret_in_it(tmp_path: Path) -> None:
    assert "secret" not in repr(CredentialsFolder(write(tmp_path, token="secret")).current())


def test_a_client_certificate_is_used_and_must_fit_its_key(tmp_path: Path) -> None:
    made = certify(tmp_path, "client.example.com")
    write(tmp_path, tls_crt=made.chain.read_text(), tls_key=made.key.read_text())
    credentials = CredentialsFolder(tmp_path).current()
    assert credentials.authorization == ""
    credentials.identify(ssl.create_default_context())
    write(tmp_path, tls_key="x")
    with pytest.raises(UnusableCredentialsError, match="does not fit its key"):
        CredentialsFolder(tmp_path).current().identify(ssl.create_default_context())
