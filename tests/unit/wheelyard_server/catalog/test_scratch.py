from pathlib import Path

from wheelyard_server.catalog.scratch import Scratch


def test_what_a_crash_left_is_removed_at_start_and_what_another_process_receives_is_not(tmp_path: Path) -> None:
    first = Scratch(tmp_path, 100)
    leftover = tmp_path / "upload-leftover"
    leftover.write_bytes(b"x")
    with first.receiver() as receiver:
        receiver.write(b"some")
        second = Scratch(tmp_path, 100)
        assert not leftover.exists()
        received = receiver.finish(b"thing")
        assert received.path.read_bytes() == b"something"
        with second.receiver() as other:
            assert other.finish(b"else").path.read_bytes() == b"else"
    assert list(tmp_path.iterdir()) == []
