"""The condition WebhookReady: whether the receiver of events answers."""

from collections.abc import Mapping
from datetime import UTC, datetime

from wheelyard_operator.condition_types import WEBHOOK_READY
from wheelyard_operator.policy_states import EventsAnswer
from wheelyard_operator.problems import Problem
from wheelyard_operator.status.conditions import Condition
from wheelyard_operator.times import rfc3339


def webhook_condition(problem: Problem | None, answers: Mapping[str, EventsAnswer | None]) -> Condition:
    """Return WebhookReady.

    `problem` is why servers cannot send events. `answers` has the answer of each ready pod, by
    name; None did not answer.
    """
    if problem:
        return Condition(WEBHOOK_READY, "False", problem.reason, problem.message)
    given = [answer for _, answer in sorted(answers.items()) if answer]
    failing = [each for each in given if each.failing]
    if failing:
        since = rfc3339(datetime.fromtimestamp(min(each.since for each in failing), UTC))
        message = (
            f"Events wait since {since}: {failing[0].failing.rstrip('.')}. Mend the receiver or spec.webhook; the"
            " newest 1,000 events of each kind are kept, and sent when it answers."
        )
        return Condition(WEBHOOK_READY, "False", "Failing", message)
    if not given:
        return Condition(WEBHOOK_READY, "Unknown", "NotKnown", "No index server has reported about its events yet.")
    return Condition(WEBHOOK_READY, "True", "Sending", "The receiver takes all events.")
