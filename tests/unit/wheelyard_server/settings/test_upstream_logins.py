"""Logins of upstreams on a laptop: in variables or in the netrc file, never in an argument."""

import os
from pathlib import Path

import pytest

from wheelyard_server import standalone
from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.settings.upstream_arguments import OtherIndexes
from wheelyard_server.upstream.credentials import CredentialsFolder, UnusableCredentialsError

SECRET = "s3cret"
TEAM = "team-a=https://packages.example.com/simple/"
NETRC = f"machine packages.example.com login ann password {SECRET}\n"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def write_netrc(home: Path, content: str = NETRC, mode: int = 0o600) -> Path:
    path = home / ".netrc"
    path.write_text(content)
    path.chmod(mode)
    return path


def authorization(others: OtherIndexes, home: Path) -> str:
    """Return what the first upstream gets as `Authorization`."""
    made = standalone.prepare(f"file:{home}/data", "127.0.0.1:9000", None, others=others)
    assert SECRET not in made.instructions
    assert SECRET not in repr(made.settings)
    folder = made.settings.upstreams[0].credentials_folder
    return CredentialsFolder(folder).current().authorization


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (
            {"WHEELYARD_UPSTREAM_TEAM_A_USERNAME": "ann", "WHEELYARD_UPSTREAM_TEAM_A_PASSWORD": "pw"},
            "Basic YW5uOnB3",
        ),
        ({"WHEELYARD_UPSTREAM_TEAM_A_TOKEN": "t0ken"}, "Bearer t0ken"),
        ({"WHEELYARD_UPSTREAM_OTHER_TOKEN": "t0ken"}, ""),
        ({}, ""),
    ],
)
def test_a_login_is_found_in_the_variables_of_its_upstream(
    home: Path, variables: dict[str, str], expected: str
) -> None:
    assert authorization(OtherIndexes.parse([TEAM], [], environment=variables), home) == expected


@pytest.mark.parametrize(
    "variables", [{"USERNAME": "ann"}, {"PASSWORD": "pw"}, {"USERNAME": "ann", "PASSWORD": "pw", "TOKEN": "t"}]
)
def test_half_a_login_and_two_are_refused(variables: dict[str, str]) -> None:
    named = {f"WHEELYARD_UPSTREAM_TEAM_A_{name}": value for name, value in variables.items()}
    with pytest.raises(InvalidSettingsError, match=r"^Set WHEELYARD_UPSTREAM_TEAM_A_USERNAME and"):
        OtherIndexes.parse([TEAM], [], environment=named)


def test_a_login_is_found_in_the_netrc_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_netrc(home)
    others = OtherIndexes.parse([TEAM], [])
    assert f"The login of team-a is that in {path}." in others.instructions()
    assert authorization(others, home) == "Basic YW5uOnMzY3JldA=="
    other = path.rename(home / "other")
    assert OtherIndexes.parse([TEAM], []).logins == {}
    monkeypatch.setenv("NETRC", str(other))
    assert OtherIndexes.parse([TEAM], [], environment=os.environ).logins["team-a"].source == str(other)


@pytest.mark.parametrize(
    ("upstream", "content"),
    [
        ("pypi", NETRC + f"machine pypi.example.com login ann password {SECRET}\n"),
        ("team=https://other.example.com/", NETRC),
        ("team=https://other.example.com/", NETRC + f"default login ann password {SECRET}\n"),
        ("team=http://packages.example.com/", NETRC),
        ("team=http://10.0.0.1/", f"machine 10.0.0.1 login ann password {SECRET}\n"),
    ],
    ids=["pypi", "another host", "any host", "plain text", "plain text at an address"],
)
def test_a_login_goes_only_to_its_host_and_never_in_plain_text(home: Path, upstream: str, content: str) -> None:
    write_netrc(home, content)
    assert OtherIndexes.parse([upstream], []).logins == {}


def test_a_server_on_this_machine_needs_no_tls(home: Path) -> None:
    write_netrc(home, f"machine 127.0.0.1 login ann password {SECRET}\n")
    assert authorization(OtherIndexes.parse(["team=http://127.0.0.1:8000/simple/"], []), home)


@pytest.mark.parametrize(("content", "mode"), [(NETRC, 0o644), (f"password {SECRET}", 0o600)])
def test_a_netrc_file_that_cannot_be_used_ends_the_start_without_a_secret(
    home: Path, content: str, mode: int
) -> None:
    path = write_netrc(home, content, mode)
    with pytest.raises(InvalidSettingsError, match="let only its owner read it") as refused:
        OtherIndexes.parse([TEAM], [])
    assert str(path) in str(refused.value)
    assert SECRET not in str(refused.value)


def test_a_login_in_an_argument_is_refused_and_not_repeated() -> None:
    with pytest.raises(
        InvalidSettingsError, match="into the variables WHEELYARD_UPSTREAM_TEAM_A_USERNAME"
    ) as refused:
        OtherIndexes.parse([f"team-a=https://ann:{SECRET}@packages.example.com/simple/"], [])
    assert SECRET not in str(refused.value)


def test_the_folder_of_a_login_is_for_its_user_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = home / "runtime"
    runtime.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    others = OtherIndexes.parse([TEAM, "pypi"], [], environment={"WHEELYARD_UPSTREAM_TEAM_A_TOKEN": SECRET})
    settings = standalone.prepare(f"file:{home}/data", "127.0.0.1:9000", None, others=others).settings
    team, pypi = (each.credentials_folder for each in settings.upstreams)
    assert pypi is None
    assert team is not None
    assert team.parent.parent == runtime
    assert team.parent.stat().st_mode & 0o777 == 0o700


def test_a_folder_without_a_login_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(UnusableCredentialsError):
        CredentialsFolder(tmp_path).current()
