"""The rate of a file, with a clock that the test moves."""

import pytest

from wheelyard_server.upstream.pace import MIN_BYTES_PER_SECOND, WINDOW_SECONDS, Pace


class Scene:
    def __init__(self) -> None:
        self.now = 100.0
        self.pace = Pace(lambda: self.now)

    def receive(self, size: int, seconds: float) -> None:
        """Receive bytes after waiting for so long."""
        self.pace.wait()
        self.now += seconds
        self.pace.receive(size)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_byte_now_and_then_is_too_slow(scene: Scene) -> None:
    """No single wait is long enough to count as a stall."""
    scene.receive(1, WINDOW_SECONDS - 1)
    with pytest.raises(TimeoutError):
        scene.receive(1, 1)


def test_each_window_counts_by_itself(scene: Scene) -> None:
    scene.receive(10**9, WINDOW_SECONDS)
    with pytest.raises(TimeoutError):
        scene.receive(1, WINDOW_SECONDS)
    for _ in range(5):
        scene.receive(int(MIN_BYTES_PER_SECOND * WINDOW_SECONDS), WINDOW_SECONDS)


def test_a_slow_reader_does_not_count(scene: Scene) -> None:
    for _ in range(10):
        scene.receive(1, 0)
        scene.now += WINDOW_SECONDS
