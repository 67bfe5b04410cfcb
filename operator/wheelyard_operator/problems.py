"""The problem that keeps a resource from being ready: the content of its conditions."""


class Problem(Exception):  # noqa: N818 - it is a finding for the user, not a failure of the program
    """A condition that is False, with a reason for programs and a message that says what to do.

    The message must be the same on every retry, so it has no request ids and no times: every
    change of it is a write.
    """

    def __init__(self, condition: str, reason: str, message: str, *, stalled: bool = True) -> None:
        super().__init__(f"{reason}: {message}")
        self.condition = condition
        self.reason = reason
        self.message = message
        self.stalled = stalled
        """Whether someone must act; otherwise waiting may be enough."""

    def copy(self) -> "Problem":
        """Return the same problem to raise it once more.

        An exception collects a traceback with each raise.
        """
        return Problem(self.condition, self.reason, self.message, stalled=self.stalled)
