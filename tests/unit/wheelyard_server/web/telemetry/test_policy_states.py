import json
import time
from datetime import UTC, datetime
from pathlib import Path

from support.memory_storage import MemoryStorage
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.counts import Counts, UsedException
from wheelyard_server.catalog.current_basis import CurrentBasis
from wheelyard_server.catalog.policy_file import FollowedPolicyFile
from wheelyard_server.catalog.quarantine import SharedQuarantine
from wheelyard_server.catalog.write_gate import WriteGate
from wheelyard_server.storage import layout
from wheelyard_server.web.telemetry.advisory_metrics import AdvisoryStates
from wheelyard_server.web.telemetry.policy_states import PolicyStates

ADVISORIES = AdvisoryStates(Catalog(MemoryStorage()).advisories)
NOTHING = SharedQuarantine(MemoryStorage(), CurrentBasis(), WriteGate(), time.time)


async def test_the_quarantine_is_shown_as_it_is_stored() -> None:
    storage, basis = MemoryStorage(), CurrentBasis()
    entry = b'{"project":"demo","reason":"alert 7","by":"ann","at":"2026-11-30T02:00:00Z"}'
    storage.objects[layout.QUARANTINE] = b'{"entries":[%s]}' % entry
    quarantine = SharedQuarantine(storage, basis, WriteGate(), lambda: 1_795_996_800)
    await quarantine.follow()
    shown = PolicyStates(None, quarantine, ADVISORIES, Counts()).described()
    assert json.loads(json.dumps(shown))["quarantine"] == {
        "entries": [json.loads(entry)],
        "error": "",
        "looked": 1_795_996_800,
    }


def test_without_a_policy_file_there_is_no_state_of_one() -> None:
    assert PolicyStates(None, NOTHING, ADVISORIES, Counts()).described()["file"] is None


def test_uses_of_exceptions_are_shown_by_their_reasons() -> None:
    counts = Counts()
    counts.decisions.exceptions["SEC-1"] = UsedException(3, datetime(2026, 11, 30, tzinfo=UTC))
    shown = PolicyStates(None, NOTHING, ADVISORIES, counts).described()["exceptionsUsed"]
    assert shown == [{"reason": "SEC-1", "times": 3, "last": 1_795_996_800}]


def test_a_refused_file_is_shown_with_the_reason_and_the_revision_that_stays_in_force(tmp_path: Path) -> None:
    """The operator compares the revision with the SHA-256 of its file."""
    path = tmp_path / "policy.yaml"
    path.write_text("{}")
    followed = FollowedPolicyFile(path, CurrentBasis(), time.time)
    states = PolicyStates(followed, NOTHING, ADVISORIES, Counts())
    good = states.described()["file"]
    assert good.pop("looked") >= good["loaded"] > 1_700_000_000
    digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert {**good, "loaded": 0} == {"revision": digest, "usable": True, "error": "", "loaded": 0}
    path.write_text("policy: {unheard: of}")
    followed.reload()
    broken = states.described()["file"]
    assert (broken["revision"], broken["usable"], broken["loaded"]) == (digest, False, good["loaded"])
    assert broken["error"].startswith("policy.yaml: ")
    assert "unheard" in broken["error"]
