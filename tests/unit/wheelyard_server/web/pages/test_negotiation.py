import pytest

from wheelyard_server.web.pages import negotiation
from wheelyard_server.web.pages.negotiation import MAX_LIST_MEMBERS, Encoding, MediaType, choose, choose_encoding

HTML, JSON, HTML_V1 = MediaType.TEXT_HTML, MediaType.JSON_V1, MediaType.HTML_V1


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", HTML),
        ("*/*", HTML),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", HTML),
        (f"{JSON}, {HTML_V1}; q=0.1, text/html; q=0.01", JSON),  # pip, uv
        (f"{HTML_V1};q=0.2, text/html;q=0.1", HTML_V1),
        ("application/vnd.pypi.simple.latest+json", JSON),
        ("application/vnd.pypi.simple.latest+html", HTML_V1),
        (f"{JSON};q=0, */*", HTML),
        (f"text/html;q=0, {JSON};q=0.5", JSON),
        ("application/*", JSON),
        (f"TEXT/HTML;Q=0.1, {JSON};q=0.2", JSON),
        ("application/json", None),
        ("image/png", None),
        ("text/html;q=0", None),
        ("text/html;q=x", None),
    ],
)
def test_the_best_liked_representation_is_chosen(accept: str, chosen: MediaType | None) -> None:
    assert choose(accept) == chosen


@pytest.mark.parametrize(
    ("accept_encoding", "chosen"),
    [
        ("gzip, deflate", Encoding.GZIP),
        ("gzip, deflate, zstd", Encoding.ZSTD),
        ("zstd;q=0.5, gzip", Encoding.GZIP),
        ("GZIP;q=0.5", Encoding.GZIP),
        ("identity", Encoding.IDENTITY),
        ("gzip;q=0", Encoding.IDENTITY),
        ("br", Encoding.IDENTITY),
        ("", Encoding.IDENTITY),
    ],
)
def test_the_best_liked_content_coding_is_chosen(accept_encoding: str, chosen: Encoding) -> None:
    assert choose_encoding(accept_encoding) is chosen


@pytest.mark.parametrize("member", [f"{JSON};q=0.5", "gzip;q=0.5", "a", "", ";", "q=0" + ";q=0" * 1000])
def test_of_a_long_list_the_beginning_is_parsed(member: str, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers: list[str] = []

    def count(quality: str) -> float:
        numbers.append(quality)
        return 0.5

    monkeypatch.setattr(negotiation, "_number", count)
    header = ",".join([member] * 60_000)
    choose(header)
    assert len(numbers) <= MAX_LIST_MEMBERS
    numbers.clear()
    choose_encoding(header)
    assert len(numbers) <= MAX_LIST_MEMBERS
