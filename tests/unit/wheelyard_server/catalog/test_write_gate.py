import asyncio

import pytest

from wheelyard_server.catalog import write_gate
from wheelyard_server.catalog.write_gate import WriteGate
from wheelyard_server.errors import BusyError, UnsafeStorageError


async def test_an_open_gate_does_not_wait() -> None:
    await WriteGate().passed()


async def test_writers_wait_for_the_result() -> None:
    for safe in (True, False):
        gate = WriteGate()
        gate.hold()
        writer = asyncio.create_task(gate.passed())
        await asyncio.sleep(0)
        assert not writer.done()
        if safe:
            gate.open()
            await writer
        else:
            gate.refuse(UnsafeStorageError("because"))
            with pytest.raises(UnsafeStorageError, match="because"):
                await writer


@pytest.mark.parametrize("reason", ["because", ""])
async def test_each_refused_writer_gets_an_error_of_its_own(reason: str) -> None:
    gate, found = WriteGate(), set()
    gate.refuse(UnsafeStorageError(reason))
    for _ in range(3):
        with pytest.raises(UnsafeStorageError) as refused:
            await gate.passed()
        found.add(refused.value)
    assert len(found) == 3


async def test_waiting_for_the_gate_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_gate, "WAIT_SECONDS", 0)
    gate = WriteGate()
    gate.hold()
    with pytest.raises(BusyError, match="still testing"):
        await gate.passed()


async def test_a_refusal_is_logged_once_and_ends_when_writing_was_proved_safe(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate = WriteGate()
    caplog.set_level("INFO")
    for _ in range(3):
        gate.refuse(UnsafeStorageError("because"))
    assert caplog.messages == ["because"]
    for _ in range(2):
        gate.open()
    await gate.passed()
    assert caplog.messages == ["because", "The storage has been proved safe to write to"]
