import gzip

import pytest

from wheelyard_server.access.access_file import parse
from wheelyard_server.errors import InvalidSettingsError


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (b"user: []", "user"),
        (b"grants: [{subjects: [everybody], verbs: [read]}]", r"subjects"),
        (b"grants: [{subjects: [anonymous], verbs: [write]}]", r"verbs"),
        (b"users: [{name: a, tokenDigests: [secret]}]", r"tokenDigests"),
        (b"users: [{name: ''}]", "name"),
        (b"users: [{name: a, identities: [{issuer: i, claims: {}}]}]", "claims"),
        (b"users: [{name: a, identities: [{issuer: i, claims: {name: x}}]}]", "sub"),
        (b"users: [{name: a, identities: [{issuer: i, claims: {sub: 'x*'}}]}]", "sub"),
        (b"users: [{name: a, passwords: [plain]}]", "passwords"),
        (b"mintingKeys: [short]", "mintingKeys"),
        (b"issuers: [{issuer: i}]", "keys"),
        (b"users: [{name: 2024-99-99}]", "access.yaml"),
        (b"users: [{name: !!int x}]", "access.yaml"),
    ],
)
def test_an_error_names_the_key(text: bytes, named: str) -> None:
    with pytest.raises(InvalidSettingsError, match=named):
        parse(text)


JSON = b'{"users":[{"name":"a","groups":["g"]}],"grants":[]}'


@pytest.mark.parametrize(
    "text", [JSON, gzip.compress(JSON, mtime=0), gzip.compress(b"users: [{name: a, groups: [g]}]", mtime=0)]
)
def test_json_and_compressed_files_mean_the_same_as_yaml(text: bytes) -> None:
    assert parse(text) == parse(b"users: [{name: a, groups: [g]}]")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (b'{"user":[]}', "user"),
        (b'{"users":[', "access.json"),
        (b'{"users":[{"name":"a","tokenDigests":["secret"]}]}', "tokenDigests"),
        (gzip.compress(JSON, mtime=0)[:-9], "access.json.gz"),
        (gzip.compress(JSON, mtime=0)[:-1] + b"x", "access.json.gz"),
        (b"\x1f\x8bno gzip", "access.json.gz"),
    ],
)
def test_a_damaged_one_is_refused(text: bytes, named: str) -> None:
    with pytest.raises(InvalidSettingsError, match=named):
        parse(text)
