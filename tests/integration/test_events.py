"""Events of a real server arrive at a real receiver over TLS, once for each, whatever the receiver does."""

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from clients.command import output, run
from clients.environments import UV, environment
from support import distributions
from support.access import OWNER, PUBLISHER
from support.command_line import wheelyard
from support.fetching import fetch
from support.patience import wait_until
from support.receiver import SECRET, Receiver, accept, answering, hang, receiver
from support.server import Server, start
from support.upstreams.mirroring import EVERYTHING, Index, index, mirror_settings
from support.upstreams.running import Upstream, upstream
from support.upstreams.stock import APP, NEEDED

POLICY = """
policy:
  deny: [{{packages: ["public-*"]}}]
  exceptions:
  - {{packages: [public-app], from: [deny], until: {ended}, reason: SEC-1}}
  - {{packages: [public-needed], from: [deny], until: {until}, reason: SEC-2}}
"""
CHECK = Path(__file__).parents[1] / "clients/check_event.py"


@pytest.fixture
def hook(tmp_path: Path) -> Iterator[Receiver]:
    with receiver(tmp_path / "receiver") as running:
        yield running


@pytest.fixture
def public() -> Iterator[Upstream]:
    with upstream("pypi") as running:
        yield running


@pytest.fixture
def announcing(tmp_path: Path, hook: Receiver, public: Upstream) -> Iterator[Index]:
    settings = mirror_settings(tmp_path, public) | {"webhook": hook.settings(tmp_path / "secret")}
    with index(tmp_path, settings) as running:
        yield running


def publish(server: Server, wheel: Path) -> None:
    variables = {"UV_PUBLISH_URL": f"{server.url}/legacy/", "UV_PUBLISH_TOKEN": PUBLISHER}
    done = run(UV, "publish", wheel, cwd=wheel.parent, variables=variables)
    assert done.returncode == 0, output(done)


def state(server: Server) -> dict[str, Any]:
    with urllib.request.urlopen(f"{server.metrics_url}/events") as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def claim(announcing: Index, name: str) -> None:
    done = wheelyard("claim", name, "--yes", "--index-url", f"{announcing.server.url_of(OWNER)}/simple/")
    assert done.returncode == 0, done.stderr


def test_what_is_published_and_what_is_refused_arrives_signed(
    announcing: Index, hook: Receiver, tmp_path: Path
) -> None:
    wheel = distributions.wheel(tmp_path, "acme_lib")
    publish(announcing.server, wheel)
    wait_until(lambda: hook.events("published"))
    (event,) = hook.events()
    assert event["source"] == "/wheelyard/packages/main"
    assert (event["subject"], event["data"]["user"]) == (wheel.name, "ci.publisher")
    assert hook.received[0].is_signed_with(SECRET)

    (url,) = [announcing.url(NEEDED, name) for name in announcing.files(NEEDED)][:1]
    claim(announcing, NEEDED)
    for _ in range(3):
        assert fetch(url).status == 403
    wait_until(lambda: hook.events("blocked"))
    publish(announcing.server, distributions.wheel(tmp_path, "acme_lib", "2.0"))
    wait_until(lambda: len(hook.events("published")) == 2)
    (blocked,) = hook.events("blocked")
    assert (blocked["subject"], blocked["data"]["rule"]) == (NEEDED, "owner")
    assert "was claimed for this index" in blocked["data"]["reason"]
    assert blocked["data"]["user"] == "anonymous"


def test_publishing_the_same_bytes_again_is_no_second_event(
    announcing: Index, hook: Receiver, tmp_path: Path
) -> None:
    wheel = distributions.wheel(tmp_path, "acme_lib")
    publish(announcing.server, wheel)
    publish(announcing.server, wheel)
    publish(announcing.server, distributions.wheel(tmp_path, "acme_lib", "2.0"))
    wait_until(lambda: len(hook.events("published")) == 2)
    assert [each["data"]["version"] for each in hook.events()] == ["1.0", "2.0"]


def test_no_client_waits_for_a_receiver_and_nothing_is_lost_while_it_fails(
    announcing: Index, hook: Receiver, tmp_path: Path
) -> None:
    hook.answer = answering(503)
    for version in ("1.0", "2.0", "3.0"):
        publish(announcing.server, distributions.wheel(tmp_path, "acme_lib", version))
    wait_until(lambda: hook.received)
    wait_until(lambda: state(announcing.server)["failing"] == "The webhook answers 503")
    assert state(announcing.server)["waiting"] == 3
    hook.answer = accept
    wait_until(lambda: state(announcing.server) == {"waiting": 0, "failing": "", "since": None})
    arrived = list(dict.fromkeys(each["data"]["version"] for each in hook.events()))
    assert arrived == ["1.0", "2.0", "3.0"]


def test_a_server_that_ends_sends_what_waits(tmp_path: Path, hook: Receiver, public: Upstream) -> None:
    settings = mirror_settings(tmp_path, public) | {"webhook": hook.settings(tmp_path / "secret")}
    with index(tmp_path, settings) as running:
        publish(running.server, distributions.wheel(tmp_path, "acme_lib"))
    assert len(hook.events("published")) == 1


def test_a_receiver_that_redirects_elsewhere_gets_no_event_there(
    announcing: Index, hook: Receiver, tmp_path: Path
) -> None:
    with receiver(tmp_path / "other") as other:
        hook.answer = answering(307, Location=other.url)
        publish(announcing.server, distributions.wheel(tmp_path, "acme_lib"))
        wait_until(lambda: len(hook.received) > 1)
        assert "redirects are not followed" in state(announcing.server)["failing"]
        assert other.received == []


def test_a_restarted_server_repeats_an_event_with_its_id(tmp_path: Path, hook: Receiver, public: Upstream) -> None:
    """Receivers drop repeats by `webhook-id`, so two servers may announce the same refusal."""
    settings = mirror_settings(tmp_path, public) | {"webhook": hook.settings(tmp_path / "secret")}
    with index(tmp_path, settings) as running:
        url = next(running.url(NEEDED, name) for name in running.files(NEEDED))
        claim(running, NEEDED)
        path = url.removeprefix(running.server.url)
        assert fetch(url).status == 403
    with index(tmp_path / "second", settings, tmp_path / "data") as running:
        assert fetch(running.server.url + path).status == 403
    ids = [each["id"] for each in hook.events("blocked")]
    # Unless an hour has begun in between: then it is another event.
    hours = {each["time"][:13] for each in hook.events("blocked")}
    assert (len(ids), len(set(ids))) == (2, len(hours))


def test_the_libraries_of_receivers_accept_an_event(announcing: Index, hook: Receiver, tmp_path: Path) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    (tmp_path / "secret/secret").write_text(secret)
    publish(announcing.server, distributions.wheel(tmp_path, "acme_lib"))
    wait_until(lambda: hook.events("published"))
    (got,) = hook.received
    given = {"secret": secret, "headers": dict(got.headers), "body": got.body.decode()}
    checking = [environment("webhooks") / "bin/python", CHECK]
    done = subprocess.run(checking, input=json.dumps(given), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["specversion"], found["type"]) == ("1.0", "dev.wheelyard.published")


def test_exceptions_of_the_policy_are_announced_when_they_are_used_and_when_they_end(
    tmp_path: Path, hook: Receiver, public: Upstream
) -> None:
    policy = tmp_path / "policy.yaml"
    today = datetime.now(UTC).date()
    policy.write_text(POLICY.format(ended=today - timedelta(days=1), until=today + timedelta(days=9)))
    more = {"policyFile": str(policy), "webhook": hook.settings(tmp_path / "secret")}
    with index(tmp_path, mirror_settings(tmp_path, public) | more) as running:
        url = next(running.url(NEEDED, name) for name in running.files(NEEDED))
        assert fetch(url).status == 200
        assert fetch(f"{running.server.url}/simple/{APP}/").status == 403
        wait_until(lambda: hook.events("blocked"))
    (blocked,) = hook.events("blocked")
    assert (blocked["subject"], blocked["data"]["rule"]) == (APP, "deny")
    (ended,) = hook.events("exception.ended")
    assert (ended["subject"], ended["data"]["reason"]) == (APP, "SEC-1")
    (used,) = hook.events("exception.used")
    assert (used["data"]["project"], used["data"]["reason"]) == (NEEDED, "SEC-2")


def test_a_receiver_that_never_answers_delays_no_client(announcing: Index, hook: Receiver, tmp_path: Path) -> None:
    hook.answer = hang
    publish(announcing.server, distributions.wheel(tmp_path, "acme_lib"))
    wait_until(lambda: hook.received)
    publish(announcing.server, distributions.wheel(tmp_path, "acme_lib", "2.0"))
    assert set(announcing.files("acme-lib")) == {f"acme_lib-{each}-py3-none-any.whl" for each in ("1.0", "2.0")}
    wait_until(lambda: state(announcing.server)["failing"] == "The webhook does not answer in time")
    hook.answer = accept
    wait_until(lambda: state(announcing.server)["waiting"] == 0)


def test_a_killed_server_loses_what_waits_and_nothing_else(
    tmp_path: Path, hook: Receiver, public: Upstream
) -> None:
    hook.answer = answering(503)
    settings = mirror_settings(tmp_path, public) | {"webhook": hook.settings(tmp_path / "secret")}
    killed = start(
        tmp_path / "killed", {"folder": {"path": str(tmp_path / "data")}}, access=EVERYTHING, more=settings
    )
    publish(killed, distributions.wheel(tmp_path, "acme_lib"))
    wait_until(lambda: hook.received)
    killed.process.kill()
    killed.process.wait()
    hook.answer = accept
    hook.received.clear()
    with index(tmp_path / "second", settings, tmp_path / "data") as running:
        assert running.files("acme-lib")
        publish(running.server, distributions.wheel(tmp_path, "acme_lib", "2.0"))
    assert [each["data"]["version"] for each in hook.events()] == ["2.0"]
