"""The Secret of an IndexUser: its login, in the words of every client."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from wheelyard_operator.desired.common import encoded, user_metadata

if TYPE_CHECKING:
    from wheelyard_operator.resource import IndexUser, Manifest

PASSWORD = "password"  # noqa: S105 - the name of a field


def user_secret(user: IndexUser, index_url: str, token: str) -> Manifest:
    """Hold a user's token; `envFrom` this Secret and pip, uv and twine are set up."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": user_metadata(user, user.secret_name),
        "type": "Opaque",
        "data": encoded({**_environment(user.username, index_url, token), **_files(user, index_url, token)}),
    }


def _environment(username: str, index_url: str, token: str) -> dict[str, str]:
    simple, upload = f"{_with_login(index_url, username, token)}simple/", f"{index_url}legacy/"
    return {
        "username": username,
        PASSWORD: token,
        "PIP_INDEX_URL": simple,
        # Plain HTTP within the cluster: pip ignores such an index unless it is told to trust the host.
        "PIP_TRUSTED_HOST": _host(index_url),
        "UV_DEFAULT_INDEX": simple,
        "UV_PUBLISH_URL": upload,
        "UV_PUBLISH_USERNAME": username,
        "UV_PUBLISH_PASSWORD": token,
        "TWINE_REPOSITORY_URL": upload,
        "TWINE_USERNAME": username,
        "TWINE_PASSWORD": token,
    }


def _files(user: IndexUser, index_url: str, token: str) -> dict[str, str]:
    host, username = _host(index_url), user.username
    simple, upload = f"{_with_login(index_url, username, token)}simple/", f"{index_url}legacy/"
    return {
        "pip.conf": f"[global]\nindex-url = {simple}\ntrusted-host = {host}\n",
        ".pypirc": (
            "[distutils]\nindex-servers =\n    wheelyard\n\n"
            f"[wheelyard]\nrepository = {upload}\nusername = {username}\npassword = {token}\n"
        ),
        ".netrc": f"machine {host}\nlogin {username}\npassword {token}\n",
    }


def _with_login(url: str, username: str, token: str) -> str:
    return url.replace("://", f"://{quote(username, safe='')}:{quote(token, safe='')}@", 1)


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
