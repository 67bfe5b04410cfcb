import json
import os
import subprocess
from pathlib import Path

import pytest

from unit.wheelyard_operator.fakes import TOKEN
from unit.wheelyard_operator.kubectl.plugin import Plugin, reconciled_user

HOST = "wheelyard-main.packages.svc.cluster.local"


def in_shell(script: str, path: Path | None = None) -> str:
    environment = {"PATH": f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"]}
    return subprocess.run(
        ["sh", "-euc", script], env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_login_prints_commands_for_all_tools(plugin: Plugin) -> None:
    shown = plugin("login", "ci")
    assert shown.code == 0
    simple, upload = f"http://packages.ci:{TOKEN}@{HOST}/simple/", f"http://{HOST}/legacy/"
    assert shown.out.splitlines() == [
        f"PIP_INDEX_URL={simple} PIP_TRUSTED_HOST={HOST} pip install PACKAGE",
        f"UV_DEFAULT_INDEX={simple} uv pip install PACKAGE",
        f"UV_PUBLISH_URL={upload} UV_PUBLISH_USERNAME=packages.ci UV_PUBLISH_PASSWORD={TOKEN} uv publish dist/*",
        f"TWINE_REPOSITORY_URL={upload} TWINE_USERNAME=packages.ci TWINE_PASSWORD={TOKEN} twine upload dist/*",
    ]
    assert "The output contains the token of packages.ci" in shown.err
    assert TOKEN not in shown.err


def test_no_command_has_the_token_in_its_arguments(plugin: Plugin) -> None:
    for line in plugin("login", "ci").out.splitlines():
        words = line.split()
        arguments = words[next(at for at, word in enumerate(words) if "=" not in word) :]
        assert TOKEN not in " ".join(arguments)


def test_login_prints_one_tool_or_an_environment(plugin: Plugin) -> None:
    assert plugin("login", "ci", "--for", "twine").out.endswith(" twine upload dist/*\n")
    script = plugin("login", "ci", "--for", "env").out
    assert in_shell(f'{script}\necho "$TWINE_PASSWORD $UV_PUBLISH_USERNAME"') == f"{TOKEN} packages.ci\n"
    variables = json.loads(plugin("login", "ci", "-o", "json").out)
    assert variables["UV_PUBLISH_PASSWORD"] == TOKEN
    assert set(variables) == {line.split("=")[0].removeprefix("export ") for line in script.splitlines()}


def test_a_hidden_token_is_read_when_the_command_runs(plugin: Plugin, tmp_path: Path) -> None:
    fake = tmp_path / "kubectl"
    fake.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\nprintf %s {TOKEN}\n')
    fake.chmod(0o755)
    shown = plugin("login", "ci", "--hide-token", "--for", "env", "--context", "my context")
    assert TOKEN not in shown.out
    printed = in_shell(f'{shown.out}\necho "$PIP_INDEX_URL $TWINE_PASSWORD"', tmp_path)
    assert printed == f"http://packages.ci:{TOKEN}@{HOST}/simple/ {TOKEN}\n"
    asked = (tmp_path / "asked").read_text().splitlines()[0]
    assert asked == (
        "--context=my context -n packages get secret ci-pypi -o go-template={{.data.password | base64decode}}"
    )
    assert plugin("login", "ci", "--hide-token", "-o", "json").code == 1


def test_a_url_is_never_run_as_shell_code(plugin: Plugin, tmp_path: Path) -> None:
    url = f'http://host/$(touch {tmp_path}/run)`touch {tmp_path}/run`"/'
    plugin.kube.put(reconciled_user(status={"url": url}))
    for options in ((), ("--hide-token",)):
        script = plugin("login", "ci", "--for", "env", *options).out.replace("kubectl", "true")
        assert in_shell(f'{script}\nprintf %s "$UV_PUBLISH_URL"') == f"{url}legacy/"
    assert not (tmp_path / "run").exists()


def test_the_secret_is_not_read_if_its_token_is_hidden(plugin: Plugin) -> None:
    del plugin.kube.objects["Secret", "packages", "ci-pypi"]
    assert plugin("login", "ci", "--hide-token").code == 0
    assert "has no token at the moment" in plugin("login", "ci").err


def test_login_can_use_another_address(plugin: Plugin) -> None:
    for url in ("https://pypi.example/", "https://pypi.example", "https://pypi.example/simple/"):
        shown = plugin("login", "ci", "--url", url, "--for", "pip")
        assert (
            shown.out == f"PIP_INDEX_URL=https://packages.ci:{TOKEN}@pypi.example/simple/ pip install PACKAGE\n"
        ), "the token would go to a host whose certificate is not checked"
        assert "within the cluster" not in shown.err
    assert "is not the URL of an index" in plugin("login", "ci", "--url", "pypi.example").err


def test_login_says_why_a_user_has_no_login(plugin: Plugin) -> None:
    plugin.kube.put(reconciled_user(status={"secretName": ""}))
    assert "has no login yet" in plugin("login", "ci").err
    plugin.kube.put(reconciled_user(credentials={"token": False}))
    assert "has no token (spec.credentials.token is false)" in plugin("login", "ci").err


@pytest.mark.parametrize("status", [{"observedGeneration": 0}])
def test_login_warns_about_a_user_that_may_not_work(plugin: Plugin, status: dict[str, int]) -> None:
    plugin.kube.put(reconciled_user(status=status))
    assert "The login may not work now" in plugin("login", "ci").err
