import pytest

from wheelyard_server.access.file import parse
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
