from pathlib import Path

import pytest
from passlib.apache import HtpasswdFile

from wheelyard_server.access.rules import Verb
from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.importing import htpasswd


def test_a_file_as_pypiserver_reads_it(tmp_path: Path) -> None:
    path = tmp_path / ".htpasswd"
    file = HtpasswdFile(str(path), new=True, default_scheme="apr_md5_crypt")
    file.set_password("alice", "correct horse")
    file.save()
    found = htpasswd.parse(f"# a comment\n\n{path.read_text()}bob:$2y$05$hash:of:others\n")
    alice, bob = found.users
    assert alice.name == "alice"
    assert alice.password_hash.startswith("$apr1$")
    assert (bob.name, bob.password_hash) == ("bob", "$2y$05$hash")
    assert [right.verbs for right in alice.rights] == [(Verb.READ, Verb.PUBLISH, Verb.YANK)]
    assert not found.grants
    assert not found.notes


@pytest.mark.parametrize("line", ["alice", "alice:", ":hash"])
def test_a_malformed_line_is_named(line: str) -> None:
    with pytest.raises(InvalidSettingsError, match="line 2"):
        htpasswd.parse(f"bob:hash\n{line}\n")
