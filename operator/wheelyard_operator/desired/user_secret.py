"""The Secret of an IndexUser: its login, in the variables and files of every client."""

from urllib.parse import quote, urlsplit

from wheelyard_operator.desired.common import decoded, encoded, user_metadata
from wheelyard_operator.desired.credentials import PASSWORD, STATE, Credentials
from wheelyard_operator.resource import IndexUser, Manifest

_UPLOAD_URL = "UV_PUBLISH_URL"


def user_secret(user: IndexUser, index_url: str, credentials: Credentials) -> Manifest:
    """Return the Secret with a user's login: with `envFrom`, pip, uv and twine are configured.

    Without a token it has only the addresses: the pod that mounts it provides the login.
    """
    token = credentials.token
    data = login_variables(index_url, user.username, token)
    if token:
        data |= {PASSWORD: token} | _files(user.username, index_url, token)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": user_metadata(user, user.secret_name),
        "type": "Opaque",
        "data": encoded({**data, STATE: credentials.state}),
    }


def address_of(secret: Manifest) -> str:
    """Return the address of the index that a user's Secret has, "" if it has none."""
    return decoded(secret, _UPLOAD_URL).removesuffix("legacy/")


def login_variables(index_url: str, username: str, token: str) -> dict[str, str]:
    """Return the environment of pip, uv and twine; without a token ("") it has no login."""
    simple, upload = _simple(index_url, username, token), f"{index_url}legacy/"
    return {
        "username": username,
        "PIP_INDEX_URL": simple,
        **({"PIP_TRUSTED_HOST": _host(index_url)} if _is_plain(index_url) else {}),
        "UV_DEFAULT_INDEX": simple,
        _UPLOAD_URL: upload,
        "UV_PUBLISH_USERNAME": username,
        "TWINE_REPOSITORY_URL": upload,
        "TWINE_USERNAME": username,
        **({"UV_PUBLISH_PASSWORD": token, "TWINE_PASSWORD": token} if token else {}),
    }


def _files(username: str, index_url: str, token: str) -> dict[str, str]:
    host, simple, upload = _host(index_url), _simple(index_url, username, token), f"{index_url}legacy/"
    trusted = f"trusted-host = {host}\n" if _is_plain(index_url) else ""
    return {
        "pip.conf": f"[global]\nindex-url = {simple}\n{trusted}",
        ".pypirc": (
            "[distutils]\nindex-servers =\n    wheelyard\n\n"
            f"[wheelyard]\nrepository = {upload}\nusername = {username}\npassword = {token}\n"
        ),
        ".netrc": f"machine {host}\nlogin {username}\npassword {token}\n",
    }


def _simple(index_url: str, username: str, token: str) -> str:
    login = f"{quote(username, safe='')}:{quote(token, safe='')}@" if token else ""
    return f"{index_url.replace('://', f'://{login}', 1)}simple/"


def _is_plain(url: str) -> bool:
    """Return whether it is plain HTTP: pip then ignores an index without `trusted-host`.

    With TLS, that setting would stop pip from checking certificates.
    """
    return urlsplit(url).scheme == "http"


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
