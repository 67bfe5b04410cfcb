"""What the operator asks about the policy: whether the newest file is in force. docs/contract.md describes it."""

from typing import Any

import msgspec

from wheelyard_server.catalog.counts import Counts
from wheelyard_server.catalog.policy_file import FollowedPolicyFile
from wheelyard_server.catalog.quarantine import SharedQuarantine
from wheelyard_server.web.telemetry.advisory_metrics import AdvisoryStates
from wheelyard_server.web.telemetry.followed_files import described


class PolicyStates:
    """The content of `GET /policy` at the metrics port."""

    def __init__(
        self,
        file: FollowedPolicyFile | None,
        quarantine: SharedQuarantine,
        advisories: AdvisoryStates,
        counts: Counts,
    ) -> None:
        """Take the policy file, None if the server has none, and the other parts of the basis of verdicts."""
        self._file = file
        self._quarantine = quarantine
        self._counts = counts
        self._advisories = advisories

    def described(self) -> dict[str, Any]:
        """Return the content of the answer."""
        used = self._counts.decisions.exceptions
        return {
            "file": described(self._file),
            "advisories": self._advisories.described(),
            "quarantine": {
                "entries": msgspec.to_builtins(self._quarantine.entries),
                "error": self._quarantine.error,
                "looked": int(self._quarantine.looked),
            },
            "exceptionsUsed": [
                {"reason": reason, "times": each.times, "last": int(each.last.timestamp())}
                for reason, each in used.items()
            ],
        }
