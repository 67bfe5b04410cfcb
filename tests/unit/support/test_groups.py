"""Which tests on the cluster run in one process (tests/support/groups.py)."""

from cluster.paths import REPOSITORY
from support.groups import CONDITIONS, EDGE, PLUGIN, POLICIES, QUICKSTART, group_of

TESTS = {path.name: path.read_text() for path in (REPOSITORY / "tests/e2e").glob("test_*.py")}


def using(*words: str) -> set[str]:
    return {name for name, text in TESTS.items() if any(word in text for word in words)}


def test_a_group_is_the_same_for_all_its_files_and_another_test_is_its_own() -> None:
    names = {group_of(f"tests/e2e/{file}::test_a[with/a::b]") for file in QUICKSTART}
    assert len(names) == 1
    assert names != {group_of(f"tests/e2e/{EDGE[0]}::test_a")}
    assert group_of("tests/e2e/test_tenants.py::test_a") == "tests/e2e/test_tenants.py::test_a"


def test_what_uses_the_quick_start_is_in_its_group() -> None:
    assert using("main_job: MainJob", "main_job_ready: MainJob") <= set(QUICKSTART)


def test_what_has_a_controller_at_the_edge_is_in_one_group() -> None:
    assert using("traefik.running", "ingressclass", '"production.yaml"') <= set(EDGE)


def test_fixtures_of_modules_are_made_by_one_process() -> None:
    assert using('fixture(scope="module")') <= {*QUICKSTART, *EDGE, *CONDITIONS, *POLICIES}


def test_the_files_of_groups_exist() -> None:
    assert {*QUICKSTART, *EDGE, *CONDITIONS, *PLUGIN, *POLICIES} <= TESTS.keys()
