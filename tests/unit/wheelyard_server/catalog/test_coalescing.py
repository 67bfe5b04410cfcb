import asyncio

import pytest

from wheelyard_server.catalog.coalescing import CoalescedCalls


class Source:
    """Answers with the number of the call, when it is let."""

    def __init__(self) -> None:
        self.started = 0
        self.gate = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self, key: str) -> tuple[str, int]:
        self.started += 1
        number = self.started
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return key, number


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_callers_that_arrive_during_a_call_share_the_next_one() -> None:
    source = Source()
    shared = CoalescedCalls(source)
    first = asyncio.create_task(shared("a"))
    await settle()
    late = [asyncio.create_task(shared("a")) for _ in range(100)]
    await settle()
    source.gate.set()
    assert await first == ("a", 1)
    assert set(await asyncio.gather(*late)) == {("a", 2)}
    assert source.started == 2


async def test_keys_do_not_wait_for_each_other() -> None:
    source = Source()
    shared = CoalescedCalls(source)
    tasks = [asyncio.create_task(shared(key)) for key in "ab"]
    await settle()
    assert source.started == 2
    source.gate.set()
    assert [key for key, _ in await asyncio.gather(*tasks)] == ["a", "b"]


async def test_a_canceled_caller_does_not_take_the_answer_from_the_others() -> None:
    source = Source()
    shared = CoalescedCalls(source)
    leaver, stayer = (asyncio.create_task(shared("a")) for _ in range(2))
    await settle()
    leaver.cancel()
    await settle()
    source.gate.set()
    assert await stayer == ("a", 1)


async def test_an_error_reaches_every_caller_that_shared_the_call_and_no_later_one() -> None:
    source = Source()
    source.error = RuntimeError("no")
    shared = CoalescedCalls(source)
    tasks = [asyncio.create_task(shared("a")) for _ in range(3)]
    source.gate.set()
    for task in tasks:
        with pytest.raises(RuntimeError):
            await task
    source.error = None
    assert (await shared("a"))[0] == "a"


async def test_a_call_that_was_canceled_before_it_began_is_not_waited_for() -> None:
    source = Source()
    source.gate.set()
    shared = CoalescedCalls(source)
    shared.next_call("a").cancel()
    await settle()
    assert await shared("a") == ("a", 1)
