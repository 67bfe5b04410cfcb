import time
from pathlib import Path

import pytest

from wheelyard_server import standalone
from wheelyard_server.access import tokens
from wheelyard_server.access.reloading import CurrentAccess
from wheelyard_server.access.rules import ANONYMOUS, Verb
from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.names import parse_project_name


def test_the_first_start_makes_a_token_and_shows_it_once(tmp_path: Path) -> None:
    first = standalone.prepare(f"file:{tmp_path}/data", "127.0.0.1:9000", None)
    kept = tmp_path / "data/admin-token"
    token = kept.read_text().strip()
    assert token in first.instructions
    assert kept.stat().st_mode & 0o777 == 0o600
    second = standalone.prepare(f"file:{tmp_path}/data", "127.0.0.1:9000", None)
    assert token not in second.instructions
    assert kept.read_text().strip() == token


def test_anonymous_reads_and_admin_publishes(tmp_path: Path) -> None:
    prepared = standalone.prepare(f"file:{tmp_path}/data", "127.0.0.1:9000", None)
    access = CurrentAccess(prepared.settings.access_file, time.time).access
    rules, token = access.rules, (tmp_path / "data/admin-token").read_text().strip()
    admin = access.accepted_users.by_token[tokens.digest(token)]
    demo = parse_project_name("demo")
    assert rules.allows(ANONYMOUS, Verb.READ, demo)
    assert not rules.allows(ANONYMOUS, Verb.PUBLISH, demo)
    assert rules.allows(admin, Verb.PUBLISH, demo)


def test_s3_needs_a_token_from_outside_and_offers_a_fresh_one() -> None:
    with pytest.raises(InvalidSettingsError, match="WHEELYARD_ADMIN_TOKEN") as refused:
        standalone.prepare("s3://bucket/team", "127.0.0.1:9000", None)
    assert tokens.is_well_formed(str(refused.value).rpartition(" ")[2])


@pytest.mark.parametrize(
    ("url", "prefix"), [("s3://b", ""), ("s3://b/", ""), ("s3://b/a/b", "a/b/"), ("s3://b/a/", "a/")]
)
def test_the_prefix_ends_in_a_slash(url: str, prefix: str) -> None:
    s3 = standalone.prepare(url, "127.0.0.1:9000", tokens.make()).settings.storage.s3
    assert s3 is not None
    assert (s3.bucket, s3.prefix) == ("b", prefix)


def test_s3_has_a_cache_and_a_folder_does_not(tmp_path: Path) -> None:
    remote = standalone.prepare("s3://b", "127.0.0.1:9000", tokens.make()).settings.cache
    assert remote is not None
    assert remote.max_bytes == standalone.CACHE_BYTES
    assert standalone.prepare(f"file:{tmp_path}/data", "127.0.0.1:9000", None).settings.cache is None


@pytest.mark.parametrize(
    ("storage", "listen", "token"),
    [
        ("ftp://x", "127.0.0.1:1", None),
        ("s3://", "127.0.0.1:1", None),
        ("file:", "127.0.0.1:1", None),
        ("file:{tmp}", "8080", None),
        ("file:{tmp}", "host:http", None),
        ("file:{tmp}", "127.0.0.1:1", "secret"),
    ],
)
def test_arguments_that_make_no_sense_are_explained(
    tmp_path: Path, storage: str, listen: str, token: str | None
) -> None:
    with pytest.raises(InvalidSettingsError):
        standalone.prepare(storage.format(tmp=tmp_path), listen, token)
