"""A page in slices is read as it is in one piece."""

import json
from typing import Any

import pytest
from hypothesis import strategies as st

from support.properties import given
from wheelyard_server.sliced import at_once
from wheelyard_server.upstream import Page, PageFile
from wheelyard_server.upstream.pages import entries, json_form, json_slices
from wheelyard_server.upstream.pages.bounds import UnreadablePageError

URL = "https://index.example.com/simple/demo/"
NASTY = st.sampled_from(
    ["},{", '"},{"', '\\"},{\\"', "}]", '}],"files":[{', '"files":[', "[", "\\", '"', "é", "\u2028"]
)
TEXT = st.lists(NASTY | st.text(max_size=5), max_size=4).map("".join)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**60) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
ENTRY = st.fixed_dictionaries(
    {"filename": TEXT.map("demo-1.0-{}".format) | VALUE, "url": TEXT | VALUE},
    optional={"yanked": VALUE, "size": VALUE, "hashes": VALUE, "files": VALUE, "requires-python": TEXT, "x": VALUE},
)
COMPACT: dict[str, Any] = {"separators": (",", ":")}
OTHERS = st.dictionaries(st.sampled_from(["meta", "versions", "name", "x", "project-status"]), VALUE, max_size=4)


def reference(body: bytes) -> list[PageFile | None]:
    """Return the files as one call of the standard library reads them."""
    return [_reference_file(each) for each in json.loads(body)["files"]]


def _reference_file(value: Any) -> PageFile | None:
    if not isinstance(value, dict):
        return None
    names = {field.replace("_", "-"): field for field in entries.Entry.__struct_fields__}
    return entries.page_file(
        URL, entries.Entry(**{names[key]: each for key, each in value.items() if key in names})
    )


def check(body: bytes) -> None:
    expected = reference(body)
    files = tuple(file for file in expected if file is not None)
    if expected and not files:
        with pytest.raises(UnreadablePageError, match="none of which"):
            read(body)
        return
    page = read(body)
    assert page.files == files
    assert page.unusable == len(expected) - len(files)


def read(body: bytes) -> Page:
    return at_once(json_form.read(body, URL))


@pytest.fixture(autouse=True, scope="module")
def _tiny_slices() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_slices, "SLICE_BYTES", 40)
        yield


@given(st.lists(ENTRY | VALUE, max_size=8), OTHERS, OTHERS, st.sampled_from([{}, {"indent": 2}, COMPACT]))
def test_a_page_in_slices_is_read_as_it_is_in_one_piece(
    files: list[Any], before: dict[str, Any], after: dict[str, Any], style: dict[str, Any]
) -> None:
    after = {key: value for key, value in after.items() if key not in before}
    page = {**before, "files": files, **after}
    page["meta"] = {}  # Another major version is refused, see `test_reading`.
    check(json.dumps(page, ensure_ascii=style is COMPACT, **style).encode())


@given(st.lists(ENTRY, min_size=1, max_size=5), st.data())
def test_damage_anywhere_is_a_failure_or_read_as_in_one_piece(files: list[Any], data: st.DataObject) -> None:
    body = bytearray(json.dumps({"files": files, "meta": {}}).encode())
    position = data.draw(st.integers(0, len(body) - 1))
    body[position : position + 1] = data.draw(
        st.sampled_from([b"", b'"', b"}", b"{", b"]", b"[", b",", b":", b"\\"])
    )
    try:
        json.loads(bytes(body))["files"][0:]
    except (ValueError, KeyError, TypeError, IndexError):
        with pytest.raises(UnreadablePageError):
            read(bytes(body))
