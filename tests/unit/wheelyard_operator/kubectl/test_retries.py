import pytest

from wheelyard_operator.kube import ApiError
from wheelyard_operator.kubectl.retries import with_retries


class Server:
    """Refuses a few times, then answers."""

    def __init__(self, *refusals: int) -> None:
        self.refusals = list(refusals)
        self.waits = 0

    def __call__(self) -> str:
        if self.refusals:
            raise ApiError(self.refusals.pop(0), "refused")
        return "answer"

    def wait(self) -> None:
        self.waits += 1


def test_a_call_is_retried_while_the_server_restarts() -> None:
    server = Server(0, 503, 429, 500)
    assert with_retries(server, server.wait) == "answer"
    assert server.waits == 4


@pytest.mark.parametrize("status", [401, 403, 404, 409])
def test_an_http_error_is_not_retried(status: int) -> None:
    server = Server(status)
    with pytest.raises(ApiError):
        with_retries(server, server.wait)
    assert server.waits == 0


def test_retries_end_after_a_bounded_number() -> None:
    server = Server(*[0] * 1000)
    with pytest.raises(ApiError):
        with_retries(server, server.wait)
    assert server.waits == 60
