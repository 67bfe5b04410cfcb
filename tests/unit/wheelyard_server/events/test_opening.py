"""A webhook is made of the settings, and one that cannot be asked does not start the server."""

from pathlib import Path

import msgspec
import pytest

from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.events.opening import open_webhook
from wheelyard_server.settings import Folder, Settings, StorageSettings, parse
from wheelyard_server.settings.webhook import EventKind, WebhookSettings

BASE = {"storage": {"folder": {"path": "/data"}}, "accessFile": "/access.yaml", "scratchFolder": "/scratch"}


def settings(**webhook: object) -> Settings:
    return parse(msgspec.yaml.encode(BASE | {"webhook": {"secretFolder": "/secret", **webhook}}))


def test_without_a_webhook_there_is_none(tmp_path: Path) -> None:
    storage = StorageSettings(folder=Folder(path=tmp_path))
    assert open_webhook(Settings(storage=storage, access_file=tmp_path, scratch_folder=tmp_path)) is None


def test_all_events_are_sent_unless_some_are_chosen() -> None:
    assert settings(url="https://hooks.example.com/").webhook == WebhookSettings(
        url="https://hooks.example.com/", secret_folder=Path("/secret"), events=tuple(EventKind)
    )
    chosen = settings(url="https://hooks.example.com/", events=["digest.changed"]).webhook
    assert chosen is not None
    assert chosen.events == (EventKind.DIGEST_CHANGED,)


@pytest.mark.parametrize(
    ("webhook", "said"),
    [
        ({"url": "ftp://hooks.example.com/"}, "must be a URL such as"),
        ({"url": "https://user:password@hooks.example.com/"}, "must be a URL such as"),
        ({"url": "https://hooks.example.com/", "events": ["all"]}, "Invalid enum value 'all'"),
        ({"url": "https://hooks.example.com/", "events": []}, "length >= 1"),
        ({"url": "https://hooks.example.com/", "caBundle": "no PEM"}, "must be certificates in PEM"),
        ({"url": "https://hooks.example.com/", "allowedHosts": ["https://x"]}, "allowedHosts"),
        ({"url": "https://hooks.example.com/" + "x" * 2000}, "length <= 2000"),
        ({"url": "https://hooks.example.com/", "secret": "in the file"}, "unknown field"),
    ],
)
def test_a_setting_that_is_wrong_is_named(webhook: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidSettingsError, match=said):
        settings(**webhook)


@pytest.mark.parametrize("host", ["127.1", "0x7f000001"])
def test_an_address_in_an_odd_form_is_refused(host: str) -> None:
    with pytest.raises(InvalidSettingsError, match="plain host name"):
        open_webhook(settings(url=f"https://{host}/"))
