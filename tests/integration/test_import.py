"""`wheelyard import users` as a person uses it."""

from pathlib import Path

import pytest
import yaml
from passlib.apache import HtpasswdFile

from support.command_line import wheelyard
from wheelyard_operator.passwords import taken_over
from wheelyard_server.access.access_file import Password
from wheelyard_server.access.password_hashes import fits


@pytest.fixture
def htpasswd(tmp_path: Path) -> Path:
    path = tmp_path / ".htpasswd"
    file = HtpasswdFile(str(path), new=True, default_scheme="apr_md5_crypt")
    for name in ("alice", "Bob"):
        file.set_password(name, f"password of {name}")
    file.save()
    return path


def test_pypiserver_s_users_log_in_with_their_passwords(htpasswd: Path, tmp_path: Path) -> None:
    output = tmp_path / "users"
    done = wheelyard(
        *("import", "users", "--from", f"htpasswd:{htpasswd}", "--index", "packages/main", "--output", str(output))
    )
    assert done.returncode == 0, done.stderr
    assert "Bob    logs in as packages.bob" in done.stdout
    assert "patch packageindex main --type merge --patch-file" in done.stdout
    secret = output / "passwords/alice.yaml"
    assert secret.stat().st_mode & 0o777 == 0o600
    made = taken_over(yaml.safe_load(secret.read_text())["stringData"]["passwordHash"])
    assert fits(Password(hash=made.hash, over=made.over), "password of alice")
    assert "$apr1$" not in done.stdout + done.stderr
    again = wheelyard(
        *("import", "users", "--from", f"htpasswd:{htpasswd}", "--index", "packages/main", "--output", str(output))
    )
    assert again.returncode == 1
    assert "nothing is overwritten" in again.stderr


def test_an_unknown_hash_is_reported_and_the_others_are_imported(htpasswd: Path, tmp_path: Path) -> None:
    htpasswd.write_text(f"{htpasswd.read_text()}carol:{{SSHA}}secret-hash\n")
    output = tmp_path / "users"
    done = wheelyard(
        *("import", "users", "--from", f"htpasswd:{htpasswd}", "--index", "packages/main", "--output", str(output))
    )
    assert done.returncode == 1
    assert "carol: the password hash has an unknown format" in done.stdout
    assert "secret-hash" not in done.stdout + done.stderr
    assert (output / "users/carol.yaml").exists()
    assert sorted(path.name for path in (output / "passwords").iterdir()) == ["alice.yaml", "bob.yaml"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--from", "ldap:x", "--index", "a/b"), "--from must be KIND:FILE"),
        (("--from", "htpasswd:/nowhere", "--index", "a/b"), "/nowhere cannot be read"),
        (("--from", "pypicloud-dump:/dev/null", "--index", "a/b"), "not a dump of ppc-export"),
        (("--from", "htpasswd:/dev/null", "--index", "main"), "--index must be NAMESPACE/NAME"),
    ],
)
def test_a_wrong_argument_is_reported(arguments: tuple[str, ...], says: str, tmp_path: Path) -> None:
    done = wheelyard("import", "users", *arguments, "--output", str(tmp_path / "out"))
    assert done.returncode == 1
    assert says in done.stderr
    assert not (tmp_path / "out").exists()
