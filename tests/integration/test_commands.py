"""The command line for people, against a real server."""

import hashlib
import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from support import distributions
from support.access import OWNER, PUBLISHER
from support.command_line import wheelyard
from support.patience import HANG_SECONDS
from support.server import Server, StartServer
from wheelyard_server.__main__ import ENDED_BY_READER
from wheelyard_server.commands.client import HOW_TO_LOG_IN


@pytest.fixture
def server(start_server: StartServer, tmp_path: Path) -> Server:
    """Return an index with demo 1.0 and 2.0."""
    running = start_server("folder")
    files = [str(distributions.wheel(tmp_path, version=version)) for version in ("1.0", "2.0")]
    login = ("--username", "__token__", "--password", PUBLISHER)
    command = ("-m", "twine", "upload", "--non-interactive", "--repository-url", f"{running.url}/legacy/", *login)
    subprocess.run([sys.executable, *command, *files], check=True, capture_output=True, timeout=HANG_SECONDS)
    return running


def answer(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_person_yanks_and_deletes_with_the_variables_of_a_users_secret(server: Server) -> None:
    secret = {
        "PIP_INDEX_URL": f"{server.url}/simple/",
        "TWINE_REPOSITORY_URL": f"{server.url}/legacy/",
        "TWINE_USERNAME": "team.owner",
        "TWINE_PASSWORD": OWNER,
    }
    assert wheelyard("whoami", variables=secret).stdout.splitlines() == [
        "user: team.owner",
        "groups: owners",
        "verbs: read publish yank delete manage",
    ]
    assert wheelyard("projects", "demo", variables=secret).stdout == "demo  2.0    active  2\n"
    files = ["demo-1.0-py3-none-any.whl", "demo-2.0-py3-none-any.whl"]
    done = wheelyard("yank", "demo", "1.0", "--reason", "broken", "--json", variables=secret)
    assert answer(done) == {"files": [files[0]]}
    done = wheelyard("yank", "demo", files[1], "--json", variables=secret)
    assert answer(done) == {"files": [files[1]]}
    assert answer(wheelyard("unyank", "demo", "2", "--json", variables=secret)) == {"files": [files[1]]}
    status = answer(wheelyard("status", "demo", "deprecated", "--reason", "use other", "--json", variables=secret))
    assert (status["status"], status["statusReason"]) == ("deprecated", "use other")
    assert {file["filename"]: file["yankedReason"] for file in status["files"]} == {
        files[0]: "broken",
        files[1]: None,
    }
    status = wheelyard("status", "demo", "active", variables=secret)
    assert status.stdout.splitlines() == [
        *("name: demo", "upstream: -", "status: active", "statusReason: -", "versions: 2.0 1.0"),
    ]
    refused = wheelyard("delete", "demo", stdin="no\n", variables=secret)
    assert refused.returncode == 1
    assert refused.stderr.endswith("wheelyard: nothing was deleted\n")
    done = wheelyard("delete", "demo", "--json", stdin="demo\n", variables=secret)
    assert sorted(answer(done)["files"]) == files


@pytest.mark.parametrize(
    ("login", "code", "message"),
    [
        ("", 1, f"wheelyard: Log in to delete the project demo{HOW_TO_LOG_IN}"),
        (PUBLISHER, 1, "wheelyard: The user ci.publisher has no permission to delete the project demo"),
        (
            "wy_wrong",
            1,
            "wheelyard: Not a valid token: tokens of this index start with wy_ and end with a checksum",
        ),
    ],
    ids=["anonymous", "without the right", "wrong token"],
)
def test_a_refusal_is_one_line_that_says_why(server: Server, login: str, code: int, message: str) -> None:
    url = server.url_of(login) if login else server.url
    done = wheelyard("delete", "demo", "--yes", "--index-url", f"{url}/legacy/")
    assert (done.returncode, done.stderr.strip()) == (code, message)


@pytest.mark.parametrize("elsewhere", ["http://other.example/legacy/", ""])
def test_a_tools_login_goes_only_where_that_tool_would_send_it(server: Server, elsewhere: str) -> None:
    variables = {"TWINE_REPOSITORY_URL": elsewhere, "TWINE_PASSWORD": OWNER, "PIP_INDEX_URL": server.url}
    assert answer(wheelyard("whoami", "--json", variables=variables))["user"] is None


def test_a_login_is_found_in_the_netrc_file(server: Server, tmp_path: Path) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login team.owner password {OWNER}\n")
    netrc.chmod(0o600)
    done = wheelyard("whoami", "--json", "--index-url", server.url, variables={"HOME": str(tmp_path)})
    assert answer(done)["user"] == "team.owner"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["whoami"], 1, "No index was given: use --index-url, or set PIP_INDEX_URL"),
        (["whoami", "--index-url", "ftp://x/"], 1, "must start with http"),
        (["whoami", "--index-url", "http://127.0.0.1:9/"], 1, "http://127.0.0.1:9 does not answer like an index"),
        (["yank", "demo"], 2, "the following arguments are required: VERSION|FILE"),
        (["status", "demo", "gone"], 2, "invalid choice: 'gone'"),
    ],
)
def test_wrong_usage_says_what_to_do(arguments: list[str], code: int, message: str) -> None:
    done = wheelyard(*arguments)
    assert done.returncode == code
    assert message in done.stderr


def owner_of(server: Server) -> dict[str, str]:
    """Return the variables of the owner's login."""
    login = {"TWINE_USERNAME": "team.owner", "TWINE_PASSWORD": OWNER}
    return {"PIP_INDEX_URL": f"{server.url}/simple/", "HOME": "/nonexistent", **login}


def test_a_file_that_cannot_be_read_is_named(server: Server, tmp_path: Path) -> None:
    config = str(tmp_path / "none.yaml")
    done = wheelyard("policy", "plan", "--config", config, variables=owner_of(server))
    assert (done.returncode, done.stderr) == (1, f"wheelyard: {tmp_path}/none.yaml: No such file or directory\n")


def test_a_reader_that_goes_away_is_no_error(server: Server) -> None:
    command = [sys.executable, "-m", "wheelyard_server", "projects"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=owner_of(server)) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert (process.stderr.read(), process.wait(HANG_SECONDS)) == (b"", ENDED_BY_READER)


def test_a_person_asks_who_fetched_a_file_and_how_often(server: Server) -> None:
    """The drill: a compromised release, and one command that says who has it."""
    owner = {
        "TWINE_REPOSITORY_URL": f"{server.url}/legacy/",
        "TWINE_USERNAME": "team.owner",
        "TWINE_PASSWORD": OWNER,
    }
    digest = hashlib.sha256(b"").hexdigest()
    with urllib.request.urlopen(f"{server.url}/simple/demo/") as page:
        href = re.search(rb'href="\.\./\.\.(/files/demo/([0-9a-f]{64})/[^"#]+)', page.read())
    assert href is not None
    with urllib.request.urlopen(server.url + href[1].decode()) as file:
        file.read()
    for what in (href[2].decode(), f"sha256:{href[2].decode()}", "demo", "demo==1.0"):
        shown = wheelyard("fetched", what, variables=owner).stdout
        assert "(anonymous)" in shown
        assert "127.0.0.1" in shown
        assert "days are kept" in shown
        (row,) = answer(wheelyard("fetched", what, "--json", variables=owner))["fetches"]
        assert (row["project"], row["fetches"], row["user"]) == ("demo", 1, None)
    assert "No fetch is recorded." in wheelyard("fetched", digest, variables=owner).stdout
    assert wheelyard("statistics", "demo", variables=owner).stdout.startswith("demo: 1 fetch\n")
    refused = wheelyard("fetched", "demo", variables={"PIP_INDEX_URL": f"{server.url}/simple/"})
    assert refused.stderr.endswith(f"wheelyard: Log in to manage the project demo{HOW_TO_LOG_IN}\n")


MANIFEST = """
apiVersion: wheelyard.dev/v1alpha1
kind: PackageIndex
metadata: {name: main}
spec:
  names: {private: ["acme-*"]}
  policy:
    cooldown: {action: "Off"}
    malware: {action: "Off"}
    deny: [{packages: [demo], versions: "<2", reason: use demo 2}]
    exceptionsFrom: [{namespaces: ["*"], packages: ["*"], rules: [deny], maximum: 7d}]
"""


def test_a_policy_is_tried_on_lock_files_before_it_is_merged(server: Server, tmp_path: Path) -> None:
    owner = {
        "TWINE_REPOSITORY_URL": f"{server.url}/legacy/",
        "TWINE_USERNAME": "team.owner",
        "TWINE_PASSWORD": OWNER,
    }
    config, lock, pinned = tmp_path / "index.yaml", tmp_path / "requirements.txt", tmp_path / "good.txt"
    config.write_text(MANIFEST)
    lock.write_text("demo==1.0\n")
    pinned.write_text("demo==2.0\n")
    blocked = wheelyard("policy", "plan", "--config", str(config), "--lock", str(lock), variables=owner)
    assert blocked.returncode == 1
    lines = blocked.stdout.splitlines()
    assert lines[0] == "1 of 1 used file would be blocked."
    assert lines[3].split()[:4] == ["BLOCKED", "demo", "1.0", "demo-1.0-py3-none-any.whl"]
    assert "use demo 2" in blocked.stdout
    as_json = wheelyard("policy", "plan", "--config", str(config), "--lock", str(lock), "--json", variables=owner)
    assert (as_json.returncode, json.loads(as_json.stdout)["blocked"]) == (1, 1)
    plain = tmp_path / "policy.yaml"
    plain.write_text("policy: {cooldown: {action: Off}, malware: {action: Off}}")
    for arguments in (
        ["--config", str(config), "--lock", str(pinned)],
        ["--config", str(plain), "--lock", str(lock)],
    ):
        done = wheelyard("policy", "plan", *arguments, variables=owner)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("Nothing would change for 1 used file.\n")
    config.write_text(f"{MANIFEST}---{MANIFEST}")
    two = wheelyard("policy", "plan", "--config", str(config), variables=owner)
    assert (two.returncode, two.stderr.strip().endswith("has 2 PackageIndexes: give a file with one")) == (1, True)
    plain.write_text("policy: {cooldwn: {}}")
    wrong = wheelyard("policy", "plan", "--config", str(plain), variables=owner)
    assert wrong.returncode == 1
    assert "cooldwn" in wrong.stderr


def test_a_person_asks_for_known_vulnerabilities(server: Server) -> None:
    owner = {
        "TWINE_REPOSITORY_URL": f"{server.url}/legacy/",
        "TWINE_USERNAME": "team.owner",
        "TWINE_PASSWORD": OWNER,
    }
    shown = wheelyard("vulnerabilities", "--days", "7", variables=owner)
    assert shown.stdout.startswith("This index has no advisories yet, so no vulnerability can be found.\n")
    assert answer(wheelyard("vulnerabilities", "--json", variables=owner))["vulnerabilities"] == []
    assert answer(wheelyard("vulnerabilities", "--format", "sarif", variables=owner))["version"] == "2.1.0"
    assert answer(wheelyard("vulnerabilities", "--format", "cyclonedx", variables=owner))["specVersion"] == "1.6"
