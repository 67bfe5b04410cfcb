"""Why something that a resource asks for cannot be had: what its conditions say."""

READY = "Ready"
ACCESS_IN_FORCE = "AccessInForce"
STORAGE_READY = "StorageReady"
CREDENTIALS_READY = "CredentialsReady"
AVAILABLE = "Available"
"""Never a problem's: it tells what serves."""
EXPOSED = "Exposed"
MONITORED = "Monitored"
ALLOWED = "Allowed"


class Problem(Exception):  # noqa: N818 - it is a finding for the user, not a failure of the program
    """A condition that is False, with a reason for programs and a message that tells people what to do.

    The message must be the same on every retry, so it has no request ids and no times: every
    change of it is a write.
    """

    def __init__(self, condition: str, reason: str, message: str, *, stalled: bool = True) -> None:
        super().__init__(f"{reason}: {message}")
        self.condition = condition
        self.reason = reason
        self.message = message
        self.stalled = stalled
        """Whether somebody has to do something; otherwise waiting may be enough."""

    def copy(self) -> "Problem":
        """Return the same problem to raise it once more: an exception collects a traceback with each raise."""
        return Problem(self.condition, self.reason, self.message, stalled=self.stalled)
