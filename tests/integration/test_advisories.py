"""Advisories with real servers: three replicas of one storage, a feed over HTTP, and the command line."""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support import osv
from support.access import OWNER
from support.command_line import wheelyard
from support.fetching import fetch
from support.osv_server import OsvServer, osv_server
from support.patience import wait_until
from support.upstreams.mirroring import Index, index, mirror_settings
from support.upstreams.running import Upstream, upstream
from support.upstreams.stock import NEEDED

POLICY = "policy: {cooldown: {action: 'Off'}}\n"
LATER = osv.START.replace(day=2)
OTHERS = [osv.malware(f"MAL-2026-{number}", f"evil-{number}") for number in range(1000, 1050)]


@pytest.fixture
def public() -> Iterator[Upstream]:
    with upstream("pypi") as running:
        yield running


@pytest.fixture
def feed() -> Iterator[OsvServer]:
    with osv_server(*OTHERS) as server:
        yield server


@pytest.fixture
def replicas(tmp_path: Path, public: Upstream, feed: OsvServer) -> Iterator[list[Index]]:
    """Run three servers on one storage, which ask the feed every two seconds."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    made = mirror_settings(tmp_path, public)
    settings = {
        **made,
        "egress": {"allowedHosts": [*public.hosts, feed.host]},
        "policyFile": str(policy),
        "advisories": {"url": feed.url, "pollSeconds": 2},
    }
    with ExitStack() as stack:
        yield [
            stack.enter_context(index(tmp_path / f"replica-{number}", settings, tmp_path / "data"))
            for number in range(3)
        ]


def call(running: Index, *arguments: str) -> tuple[int, str]:
    done = wheelyard("advisories", *arguments, "--index-url", running.server.url_of(OWNER))
    return done.returncode, done.stdout + done.stderr


def is_offered(running: Index, project: str = NEEDED) -> bool:
    return bool(running.files(project))


def test_malware_is_refused_on_all_replicas_and_a_withdrawal_serves_it_again(
    replicas: list[Index], feed: OsvServer
) -> None:
    """Section 9.9: within seconds of its showing, with a poll of two seconds instead of two minutes."""
    assert all(is_offered(each) for each in replicas)
    urls = [each.url(NEEDED, next(iter(each.files(NEEDED)))) for each in replicas]
    report = osv.malware("MAL-2026-1", NEEDED)
    feed.show(report)
    wait_until(lambda: not any(is_offered(each) for each in replicas))
    answers = [fetch(url) for url in urls]
    assert [each.status for each in answers] == [403] * 3
    assert all("MAL-2026-1" in each.json()["detail"] for each in answers)
    feed.show(osv.withdrawn(report, LATER))
    wait_until(lambda: all(is_offered(each) for each in replicas))
    assert [fetch(url).status for url in urls] == [200] * 3


@pytest.mark.usefixtures("replicas")
def test_only_one_of_the_replicas_asks_the_feed(feed: OsvServer) -> None:
    wait_until(lambda: len(feed.requests) >= 4)
    assert feed.requests.count("200 all.zip") == 1
    assert all(each.endswith("modified_id.csv") for each in feed.requests[1:])


def test_a_replica_that_starts_again_refuses_malware_with_its_first_answer(
    replicas: list[Index], feed: OsvServer, tmp_path: Path, public: Upstream
) -> None:
    feed.show(osv.malware("MAL-2026-1", NEEDED))
    wait_until(lambda: not any(is_offered(each) for each in replicas))
    settings = {**mirror_settings(tmp_path, public), "policyFile": str(tmp_path / "policy.yaml")}
    with index(tmp_path / "another", settings, tmp_path / "data") as started:
        assert not is_offered(started)


def test_an_export_that_a_person_loads_is_in_force_on_all_replicas_within_ten_seconds(
    replicas: list[Index], tmp_path: Path
) -> None:
    wait_until(lambda: "records: 50" in call(replicas[0], "status")[1])
    export = tmp_path / "all.zip"
    export.write_bytes(osv.export([*OTHERS, osv.malware("MAL-2026-1", NEEDED, modified=LATER)]))
    code, text = call(replicas[0], "load", str(export))
    assert code == 0, text
    assert "records: 51" in text
    began = time.monotonic()
    wait_until(lambda: not any(is_offered(each) for each in replicas))
    sys.stderr.write(f"loaded advisories were in force on three replicas after {time.monotonic() - began:.1f} s\n")


def test_a_feed_that_takes_much_away_waits_for_a_person(replicas: list[Index], feed: OsvServer) -> None:
    feed.show(osv.malware("MAL-2026-1", NEEDED))
    wait_until(lambda: not any(is_offered(each) for each in replicas))
    feed.show(*(osv.withdrawn(each, LATER) for each in OTHERS[:20]))
    wait_until(lambda: call(replicas[1], "status")[0] == 1)
    _, text = call(replicas[1], "status")
    assert "The feed takes away too much: it has 31 records, after 50" in text
    assert call(replicas[1], "accept")[0] == 0
    wait_until(lambda: "records: 31" in call(replicas[2], "status")[1])
    assert not any(is_offered(each) for each in replicas)
    code, text = call(replicas[1], "accept")
    assert (code, "Nothing waits" in text) == (1, True)


def test_a_feed_that_cannot_be_read_is_said_and_changes_nothing(replicas: list[Index], feed: OsvServer) -> None:
    feed.show(osv.malware("MAL-2026-1", NEEDED))
    wait_until(lambda: not any(is_offered(each) for each in replicas))
    feed.has_listing = False
    feed.records = {}
    wait_until(lambda: "failing: " in call(replicas[0], "status")[1])
    assert "has an export without any record that can be read" in call(replicas[0], "status")[1]
    assert not any(is_offered(each) for each in replicas)


def test_the_command_says_what_is_wrong(replicas: list[Index], tmp_path: Path) -> None:
    (tmp_path / "all.zip").write_bytes(b"<html>")
    assert "not a whole zip archive" in call(replicas[0], "load", str(tmp_path / "all.zip"))[1]
    assert "No such file" in call(replicas[0], "load", str(tmp_path / "nothing.zip"))[1]
    assert "must be a file or a URL of HTTP" in call(replicas[0], "load", "ftp://a.example.com/all.zip")[1]


def test_an_export_is_loaded_from_a_url_that_the_person_s_machine_fetches(
    replicas: list[Index], feed: OsvServer
) -> None:
    code, text = call(replicas[0], "load", f"{feed.url}all.zip")
    assert (code, "records: 50" in text) == (0, True)
