import pytest

from wheelyard_server.access.access_file import Password
from wheelyard_server.access.password_hashes import NOBODYS, fits


@pytest.mark.parametrize(
    "damaged",
    [
        Password(hash=""),
        Password(hash="$argon2id$"),
        Password(hash="$2b$10$short"),
        Password(hash="plain"),
        Password(hash="$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAA", over="$6$"),
        Password(hash="$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAA", over="?"),
        Password(hash="$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAA", over="$2b$05$"),
    ],
)
@pytest.mark.parametrize("password", ["", "secret-pw", "a\0b", "\u00e9" * 100])
def test_a_damaged_hash_fits_nothing(damaged: Password, password: str) -> None:
    assert not fits(damaged, password)


@pytest.mark.parametrize("password", ["", "nobody", "a\0b"])
def test_nothing_fits_nobodys(password: str) -> None:
    assert not fits(NOBODYS, password)
