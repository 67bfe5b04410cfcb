import pytest

from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.settings import parse

FOLDER = b"storage: {folder: {path: /data}}\naccessFile: /a.yaml\nscratchFolder: /scratch\n"


def test_defaults_fill_what_is_left_out() -> None:
    settings = parse(FOLDER)
    assert settings.listeners.cluster.port == 8080
    assert settings.shutdown.grace_seconds == 300
    assert settings.index is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (FOLDER + b"storag: {}\n", "storag"),
        (FOLDER + b"listeners: {cluster: {prot: 1}}\n", "prot"),
        (FOLDER + b"listeners: {cluster: {port: many}}\n", "port"),
        (b"storage: {}\naccessFile: /a\nscratchFolder: /s\n", "exactly one"),
        (b"storage: {s3: {}}\naccessFile: /a\nscratchFolder: /s\n", "bucket"),
        (b"accessFile: /a\n", "storage"),
        (b": :\n- {", "index.yaml"),
    ],
)
def test_an_error_names_the_key(text: bytes, named: str) -> None:
    with pytest.raises(InvalidSettingsError, match=named):
        parse(text)
