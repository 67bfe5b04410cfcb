"""What clients saw of faults, counted (tests/chaos/tally.py)."""

from chaos.tally import Period, table, tally

HISTORY = {
    "10": {"page": 3, "file": 1, "upload": 1},
    "11": {"page": 2, "page stale": 2, "upload": 1, "upload failed": 1},
    "20": {"metadata": 1, "metadata failed": 1},
}


def test_a_failure_counts_in_the_period_in_which_it_began() -> None:
    calm, outage = tally(HISTORY, [Period("calm", 10, 11), Period("outage", 11, 12, may_fail=True)])
    assert (calm.installs, calm.uploads, calm.failed_uploads, calm.is_wrong) == (4, 1, 0, False)
    assert (outage.installs, outage.stale, outage.uploads, outage.failed_uploads) == (2, 2, 1, 1)
    assert not outage.is_wrong


def test_failures_and_idle_periods_are_wrong() -> None:
    failed, idle = tally(HISTORY, [Period("one", 20, 21), Period("two", 30, 40, may_fail=True)])
    assert failed.is_wrong
    assert idle.is_wrong, "nothing was tried"
    assert [line.split()[-1] for line in table([failed, idle]).splitlines()[1:]] == ["WRONG", "WRONG"]
