from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from wheelyard_server.catalog.current_basis import CurrentBasis
from wheelyard_server.policy.advisories import Advisories
from wheelyard_server.policy.file_policy import AllowedUpstream, FilePolicy
from wheelyard_server.policy.quarantine import Quarantine, Quarantined
from wheelyard_server.settings.policy import NO_RULES, Denied, PolicyFile, PolicyRules
from wheelyard_server.settings.upstreams import Names

UPSTREAM = AllowedUpstream("up", "https://upstream.example.com/simple/")
QUARANTINE = Quarantine(
    entries=(Quarantined(reason="alert", by="ann", at=datetime(2026, 11, 30, tzinfo=UTC), project="demo"),)
)


def test_without_a_policy_file_there_are_no_rules() -> None:
    basis = CurrentBasis(FilePolicy((UPSTREAM,), ("own-*",)))
    assert (basis.policy.upstreams, basis.policy.private, basis.policy.rules) == ((UPSTREAM,), ("own-*",), NO_RULES)


def test_a_policy_file_replaces_the_rules_and_adds_names_but_never_changes_upstreams() -> None:
    basis = CurrentBasis(FilePolicy((UPSTREAM,), ("own-*",)))
    for private in (("acme-*",), ("team-*",)):
        basis.put_file(PolicyFile(names=Names(private=private)))
        assert basis.policy == FilePolicy((UPSTREAM,), ("own-*", *private), PolicyRules())


def test_each_part_is_replaced_alone_and_makes_another_basis() -> None:
    basis = CurrentBasis(FilePolicy((UPSTREAM,)))
    seen = [basis.value]
    basis.put_file(PolicyFile())
    seen.append(basis.value)
    basis.put_advisories(Advisories("1", {}))
    seen.append(basis.value)
    basis.put_quarantine(QUARANTINE)
    seen.append(basis.value)
    assert len({id(each) for each in seen}) == 4
    assert (basis.value.advisories.revision, basis.value.quarantine) == ("1", QUARANTINE)
    assert basis.policy.rules == PolicyRules()


def test_globs_are_compiled_before_they_are_in_force_and_never_on_the_event_loop() -> None:
    """A policy file of 1 MiB takes seconds: its thread takes them, not the first request."""
    file = PolicyFile(policy=PolicyRules(deny=(Denied(packages=("evil-*",)),)))
    basis = CurrentBasis()
    basis.put_file(file)
    assert "rulebook" in vars(basis.policy)
    assert "rulebook" in vars(basis.planned(file).policy)


def test_parts_that_threads_change_at_the_same_time_are_all_in_force() -> None:
    basis = CurrentBasis()
    with ThreadPoolExecutor(3) as threads:
        for number in range(300):
            revision, private = str(number), Names(private=(f"acme-{number}",))
            each = [
                threads.submit(basis.put_file, PolicyFile(names=private)),
                threads.submit(basis.put_advisories, Advisories(revision, {})),
                threads.submit(basis.put_quarantine, QUARANTINE.replace(entries=())),
            ]
            for one in each:
                one.result()
            assert (basis.policy.private, basis.value.advisories.revision) == (private.private, revision)
            assert not basis.value.quarantine.entries
