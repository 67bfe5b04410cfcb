import pytest

from wheelyard_server.readmes.markups import Markup, markup_of


@pytest.mark.parametrize(
    ("content_type", "markup"),
    [
        ("text/markdown", Markup.GFM),
        ("text/markdown; charset=UTF-8; variant=GFM", Markup.GFM),
        ('TEXT/Markdown; variant="CommonMark"', Markup.COMMONMARK),
        ("text/markdown;variant=commonmark ; charset=utf-8", Markup.COMMONMARK),
        ("text/x-rst; charset=UTF-8", Markup.RST),
        ("", Markup.RST),
        ("  ", Markup.RST),
        ("text/plain", None),
        ("text/html", None),
        ("; variant=GFM", Markup.RST),
        ("text/x-rst\r\nX: a", None),
    ],
)
def test_the_markup_is_that_of_the_content_type(content_type: str, markup: Markup | None) -> None:
    assert markup_of(content_type) is markup
