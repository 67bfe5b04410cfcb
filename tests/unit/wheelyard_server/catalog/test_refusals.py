"""A name that a rule refuses has no page, no upstream is asked for it, and refused versions say why."""

from datetime import timedelta

import pytest

from support.fake_upstream import FakeTime, FakeUpstream, configured, replica
from support.memory_storage import MemoryStorage
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.errors import Refusal, RefusedFileError
from wheelyard_server.names import parse_project_name
from wheelyard_server.settings.policy import Denied, ExceptableRule, PolicyException, PolicyFile, PolicyRules

DEMO = parse_project_name("demo")
OLD, NEW = "demo-1.0-py3-none-any.whl", "demo-2.0-py3-none-any.whl"
DENIED = Denied(packages=("demo",), reason="use pyjwt")


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def upstream() -> FakeUpstream:
    found = FakeUpstream()
    found.put("demo", OLD, NEW)
    return found


@pytest.fixture
def catalog(upstream: FakeUpstream, time: FakeTime) -> Catalog:
    return replica(MemoryStorage(), time, configured(upstream))


def deny(catalog: Catalog, *denied: Denied, exceptions: tuple[PolicyException, ...] = ()) -> None:
    catalog.basis.put_file(PolicyFile(policy=PolicyRules(deny=denied, exceptions=exceptions)))


async def test_no_upstream_is_asked_for_a_denied_name(catalog: Catalog, upstream: FakeUpstream) -> None:
    deny(catalog, DENIED)
    with pytest.raises(RefusedFileError, match="demo is denied: use pyjwt") as raised:
        await catalog.project(DEMO)
    assert raised.value.refusal == Refusal("demo", "deny")
    assert upstream.asked == []


async def test_a_name_that_is_denied_later_keeps_what_is_known_and_is_not_asked_for_again(
    catalog: Catalog, upstream: FakeUpstream, time: FakeTime
) -> None:
    await catalog.project(DEMO)
    deny(catalog, DENIED)
    time.sleep(86_400)
    view = await catalog.project(DEMO)
    assert view.files == ()
    assert view.refusal_of_name is not None
    assert view.revision != ""
    assert upstream.asked == ["demo"]
    deny(catalog)
    again = await catalog.project(DEMO)
    assert again.refusal_of_name is None
    assert [file.filename for file in again.files] == [OLD, NEW]


async def test_an_exception_for_one_version_brings_the_page_back_with_that_version(
    catalog: Catalog, time: FakeTime
) -> None:
    excepted = PolicyException(
        packages=("demo",),
        versions="==1.0",
        rules=(ExceptableRule.DENY,),
        until=time.now() + timedelta(seconds=100),  # type: ignore[arg-type] # as `Until.parse` makes it
        reason="SEC-1",
    )
    deny(catalog, DENIED, exceptions=(excepted,))
    view = await catalog.project(DEMO)
    assert view.refusal_of_name is None
    assert [file.filename for file in view.files] == [OLD]
    time.sleep(100)
    assert view.refusal_of_name is not None, "the exception has ended"


async def test_a_refused_version_says_which_rule_refuses_it(catalog: Catalog) -> None:
    deny(catalog, Denied(packages=("demo",), versions="==2.0"))
    view = await catalog.project(DEMO)
    assert view.refusal("1.0") is None
    refusal = view.refusal("2.0.0")
    assert refusal is not None
    assert str(refusal).startswith("demo 2.0 is denied")
    assert refusal.refusal._replace(sha256="") == Refusal("demo", "deny", NEW, "2.0")
    assert view.refusal("3.0") is None
    assert str(view.refusal(None)) == str(refusal)
