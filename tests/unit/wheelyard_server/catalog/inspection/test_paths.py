import pytest
from hypothesis import example
from hypothesis import strategies as st

from support.properties import given
from wheelyard_server.catalog.inspection import paths
from wheelyard_server.catalog.inspection.paths import check_path
from wheelyard_server.errors import InvalidUploadError


@given(st.text(st.sampled_from("aZ0_-./"), max_size=8) | st.text(max_size=8))
@example("a..b")
@example("a/./b")
@example("a\n")
@example("C:a")
def test_no_path_that_passes_the_quick_check_is_forbidden(path: str) -> None:
    if paths._PLAIN.fullmatch(path):
        assert not [complaint for pattern, complaint in paths._FORBIDDEN if pattern.search(path)]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("demo/a.py:b", "colon"),
        ("demo/a:", "colon"),
        ("demo/a.py.", "dot or space at the end"),
        ("demo/a.py ", "dot or space at the end"),
        ("demo./a.py", "dot or space at the end"),
        ("demo /a.py", "dot or space at the end"),
        ("demo/...", "dot or space at the end"),
        ("demo/ ", "dot or space at the end"),
        ("demo/a\u202e.py", "invisible character"),
        ("demo/a\u2066.py", "invisible character"),
        ("demo/a\u200b.py", "invisible character"),
        ("demo/\ufeffa.py", "invisible character"),
        ("demo/a\tb.py", "control character"),
        ("demo/a\x9bb.py", "control character"),
    ],
)
def test_a_name_that_means_another_file_on_windows_or_looks_like_one_is_refused(path: str, reason: str) -> None:
    with pytest.raises(InvalidUploadError, match=reason):
        check_path(path)


@pytest.mark.parametrize(
    "path", ["demo/.hidden", "demo/..a", "demo/a b.py", "demo/ a", "d\u00e9mo/\u65e5\u672c.txt"]
)
def test_a_harmless_name_that_looks_forbidden_is_accepted(path: str) -> None:
    check_path(path)


def test_paths_of_real_projects_pass_the_quick_check() -> None:
    for path in ("demo/__init__.py", "demo-1.0.dist-info/METADATA", "numpy.libs/libopenblas-r0-f650aae0.so"):
        assert paths._PLAIN.fullmatch(path)
