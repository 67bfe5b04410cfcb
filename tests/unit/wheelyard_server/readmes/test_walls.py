import pytest

from support.readme_child import attempts
from wheelyard_server.readmes import walls
from wheelyard_server.readmes.child_process import Child
from wheelyard_server.readmes.frames import Task
from wheelyard_server.readmes.markups import Markup

NEW_DESCRIPTORS = {"libc: socket", "libc: read", "libc: read the environment", "libc: write", "libc: pipe"}


async def html(child: Child, text: str) -> str:
    return (await child.ask(Task(text, Markup.GFM))).html


@pytest.mark.parametrize("kernel_alone", [False, True])
async def test_a_renderer_reaches_neither_network_nor_files_nor_processes(child: Child, kernel_alone: bool) -> None:  # noqa: FBT001
    tried = {each: await html(child, each) for each in attempts(kernel_alone=kernel_alone)}
    assert {each: result for each, result in tried.items() if not result.startswith("refused")} == {}
    # Python's hooks would give a reason.
    assert not kernel_alone or set(tried.values()) == {"refused"}


class TestWithoutAFilter:
    @pytest.fixture
    def command(self, command: tuple[str, ...]) -> tuple[str, ...]:
        return (*command, "without-filter")

    async def test_limits_alone_keep_it_from_files_and_sockets(self, child: Child) -> None:
        tried = {each: await html(child, each) for each in NEW_DESCRIPTORS}
        assert set(tried.values()) == {"refused"}

    async def test_hooks_alone_keep_python_from_all_it_could_try(self, child: Child) -> None:
        tried = {each: await html(child, each) for each in attempts(kernel_alone=False)}
        assert all("may not do this" in each for each in tried.values()), tried

    async def test_it_has_no_descriptor_but_that_of_its_answer(self, child: Child) -> None:
        assert len((await html(child, "descriptors")).split()) == 1

    async def test_its_server_logs_that_there_is_no_filter(
        self, command: tuple[str, ...], caplog: pytest.LogCaptureFixture
    ) -> None:
        await (await Child.start(command)).close()
        assert "have no filter of system calls" in caplog.text


def test_a_renderer_has_less_memory_than_a_pod() -> None:
    assert walls.DATA_BYTES <= 200 * 1024 * 1024
