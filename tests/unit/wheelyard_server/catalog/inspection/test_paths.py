from hypothesis import example, given
from hypothesis import strategies as st

from wheelyard_server.catalog.inspection import paths


@given(st.text(st.sampled_from("aZ0_-./"), max_size=8) | st.text(max_size=8))
@example("a..b")
@example("a/./b")
@example("a\n")
@example("C:a")
def test_no_path_that_is_taken_at_the_first_look_has_anything_forbidden(path: str) -> None:
    if paths._PLAIN.fullmatch(path):
        assert not [complaint for pattern, complaint in paths._FORBIDDEN if pattern.search(path)]


def test_paths_of_real_projects_are_taken_at_the_first_look() -> None:
    for path in ("demo/__init__.py", "demo-1.0.dist-info/METADATA", "numpy.libs/libopenblas-r0-f650aae0.so"):
        assert paths._PLAIN.fullmatch(path)
