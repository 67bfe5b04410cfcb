import time
from dataclasses import replace
from pathlib import Path

import pytest

from wheelyard_server import standalone
from wheelyard_server.access import tokens
from wheelyard_server.access.reloading import CurrentAccess
from wheelyard_server.access.rules import ANONYMOUS, Verb
from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.names import parse_project_name
from wheelyard_server.settings.policy import PolicyFile, parse_policy
from wheelyard_server.settings.upstream_arguments import OtherIndexes


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


def with_upstreams(folder: Path, *upstreams: str, private: tuple[str, ...] = ()) -> standalone.LaptopServer:
    return standalone.prepare(
        f"file:{folder}/data", "127.0.0.1:9000", None, others=OtherIndexes.parse(upstreams, private)
    )


def test_upstreams_are_asked_in_the_order_of_the_command_line_and_no_other_host_is_allowed(tmp_path: Path) -> None:
    torch, local = "torch=https://Packages.example.com/whl/cu124/", "local=http://127.0.0.1:8000/simple/"
    prepared = with_upstreams(tmp_path, torch, "pypi", local, "v6=http://[::1]/simple/", private=("acme-*",))
    settings = prepared.settings
    assert [(each.name, each.url, each.pypi is not None) for each in settings.upstreams] == [
        ("torch", "https://Packages.example.com/whl/cu124/", False),
        ("pypi", "", True),
        ("local", "http://127.0.0.1:8000/simple/", False),
        ("v6", "http://[::1]/simple/", False),
    ]
    assert settings.egress.allowed_hosts == ("packages.example.com", "pypi", "127.0.0.1:8000", "[::1]:80", "osv")
    assert settings.names.private == ("acme-*",)
    assert "come from torch, then pypi, then local, then v6." in prepared.instructions
    assert "Private names, which no upstream is asked for: acme-*" in prepared.instructions


@pytest.mark.parametrize(
    ("feed", "host", "sentence"),
    [
        (None, ["osv"], "Advisories about malware come from OSV."),
        ("https://a.example.com/osv/", ["a.example.com"], "come from https://a.example.com/osv/."),
        ("all.zip", [], "come from all.zip."),
        ("none", [], "There is no feed of advisories, so malware is not refused."),
    ],
)
def test_advisories_come_from_osv_unless_another_feed_is_named(
    tmp_path: Path, feed: str | None, host: list[str], sentence: str
) -> None:
    parsed = OtherIndexes.parse(["pypi"], [], feed=feed)
    prepared = standalone.prepare(f"file:{tmp_path}/data", "127.0.0.1:9000", None, others=parsed)
    assert list(prepared.settings.egress.allowed_hosts) == ["pypi", *host]
    assert (prepared.settings.advisories is None) == (feed == "none")
    assert sentence in prepared.instructions


def test_without_upstreams_no_host_is_allowed_and_nothing_is_said_about_them(tmp_path: Path) -> None:
    prepared = with_upstreams(tmp_path)
    assert (prepared.settings.upstreams, prepared.settings.egress.allowed_hosts) == ((), ())
    assert "come from" not in prepared.instructions


def test_files_of_upstreams_wait_and_malware_is_refused_unless_a_policy_says_something_else(tmp_path: Path) -> None:
    prepared = with_upstreams(tmp_path, "pypi")
    assert prepared.settings.policy_file is not None
    assert parse_policy(prepared.settings.policy_file.read_bytes()) == PolicyFile()
    assert (
        "Files of upstreams wait until they are 7d old, and malware is refused; --policy FILE changes that"
        in prepared.instructions
    )
    own = tmp_path / "policy.yaml"
    others = replace(OtherIndexes.parse(["pypi"], []), policy_file=own)
    prepared = standalone.prepare(f"file:{tmp_path}/data", "127.0.0.1:9000", None, others=others)
    assert prepared.settings.policy_file == own
    assert f"The rules for files are in {own}: a change is in force at once." in prepared.instructions


def test_without_upstreams_there_are_no_rules_but_those_that_are_given(tmp_path: Path) -> None:
    prepared = with_upstreams(tmp_path)
    assert prepared.settings.policy_file is None
    assert "polic" not in prepared.instructions


def test_a_laptop_without_private_names_learns_how_to_keep_some(tmp_path: Path) -> None:
    assert "with --private 'acme-*'" in with_upstreams(tmp_path, "pypi").instructions


@pytest.mark.parametrize(
    "argument",
    ["PyPI", "pypi=", "", "team", "team=packages.example.com", "te am=https://a.example", "a/b=https://a.example"],
)
def test_an_upstream_is_pypi_or_a_name_and_a_url(tmp_path: Path, argument: str) -> None:
    with pytest.raises(InvalidSettingsError, match="--upstream must be pypi or NAME=URL"):
        with_upstreams(tmp_path, argument)


def test_two_upstreams_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettingsError, match="a name of its own"):
        with_upstreams(tmp_path, "pypi", "pypi")


@pytest.mark.parametrize("glob", ["Acme-*", "acme_*", "acme.*", "", "acme-"])
def test_a_private_glob_that_matches_no_normalized_name_is_refused(tmp_path: Path, glob: str) -> None:
    """T22: a name is compared in one spelling only."""
    with pytest.raises(InvalidSettingsError, match="--private must be a glob on normalized names"):
        with_upstreams(tmp_path, "pypi", private=(glob,))


def test_files_of_upstreams_may_be_at_other_hosts(tmp_path: Path) -> None:
    """Many indexes list their files at a host of their own."""
    parsed = OtherIndexes.parse(["pypi", "team=https://a.example.com/simple/"], [], ["files.example.com:8443"])
    settings = standalone.prepare(f"file:{tmp_path}/data", "127.0.0.1:9000", None, others=parsed).settings
    assert [each.file_hosts for each in settings.upstreams] == [(), ("files.example.com:8443",)]
    assert settings.egress.allowed_hosts == ("pypi", "a.example.com", "files.example.com:8443", "osv")


@pytest.mark.parametrize("upstreams", [[], ["pypi"]])
def test_a_host_of_files_without_an_upstream_that_needs_it_is_refused(upstreams: list[str]) -> None:
    with pytest.raises(InvalidSettingsError, match="--file-host goes with an --upstream NAME=URL"):
        OtherIndexes.parse(upstreams, [], ["files.example.com"])


@pytest.mark.parametrize("host", ["https://files.example.com", "files.example.com/x", ""])
def test_a_host_of_files_is_no_url(host: str) -> None:
    with pytest.raises(InvalidSettingsError, match="--file-host must be a host such as"):
        OtherIndexes.parse(["team=https://a.example.com/simple/"], [], [host])


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("PyPI", "NAME consists of"),
        ("Team=https://a.example.com", "NAME consists of"),
        ("team=https://me:secret@a.example.com", "All users of this machine can see a login"),
        ("team=a.example.com", "begins with https://"),
    ],
)
def test_the_reason_why_an_upstream_is_refused_is_in_words_of_the_command_line(argument: str, reason: str) -> None:
    with pytest.raises(InvalidSettingsError, match=reason) as raised:
        OtherIndexes.parse([argument], [])
    assert "$." not in str(raised.value)
