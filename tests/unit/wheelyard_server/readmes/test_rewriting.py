import pytest

from wheelyard_server.readmes.allowed import check
from wheelyard_server.readmes.rewriting import rewritten

REL = 'rel="nofollow noreferrer noopener"'


@pytest.mark.parametrize(
    ("html", "wanted"),
    [
        # Headings come below those of the page.
        ("<h1>a</h1><h2>b</h2><h3>c</h3><h4>d</h4>", "<h3>a</h3><h4>b</h4><h5>c</h5><h6>d</h6>"),
        # Ids of a README are its own, and so are links to them.
        (
            '<p id="main">a</p><a href="#main">b</a>',
            f'<p id="user-content-main">a</p><a href="#user-content-main" {REL}>b</a>',
        ),
        ('<p id="user-content-a">a</p>', '<p id="user-content-a">a</p>'),
        # Links that lead nowhere are text.
        ('<a href="docs/a.md">a</a>', "<span>a</span>"),
        ('<a href="/login/">a</a>', "<span>a</span>"),
        ('<a href="//example.com/">a</a>', "<span>a</span>"),
        ('<a href="#nowhere">a</a>', "<span>a</span>"),
        ('<a href="https://example.com/?a&amp;b">a</a>', f'<a href="https://example.com/?a&amp;b" {REL}>a</a>'),
        ('<a href="mailto:a@example.com">a</a>', f'<a href="mailto:a@example.com" {REL}>a</a>'),
        # A link without words is dropped, and its id becomes the heading's.
        ('<h1>a<a href="#x" id="x"></a></h1>', '<h3 id="user-content-x">a</h3>'),
        # Images are links with their words, or their names.
        ('<img src="https://example.com/a.png" alt="A">', f'<a href="https://example.com/a.png" {REL}>A</a>'),
        ('<img src="https://example.com/b/a.png?c">', f'<a href="https://example.com/b/a.png?c" {REL}>a.png</a>'),
        (
            '<a href="https://example.com"><img src="https://a.example.com/b.svg" alt="CI"></a>',
            f'<a href="https://example.com" {REL}>CI</a>',
        ),
        ('<img src="docs/a.png" alt="A">', "A"),
        # Landmarks and forms are the page's.
        ("<nav>a</nav><aside>b</aside><section>c</section>", "<div>a</div><div>b</div><div>c</div>"),
        ('<input type="checkbox" checked="" disabled=""> a', "\N{BALLOT BOX WITH CHECK} a"),
        ('<div class="markdown-alert x"><p>a</p></div>', "<blockquote><p>a</p></blockquote>"),
        # Wide things scroll by themselves.
        (
            "<p>a</p><table><tbody><tr><td>b</td></tr></tbody></table>c",
            '<p>a</p><div class="wide" tabindex="0"><table><tbody><tr><td>b</td></tr></tbody></table></div>c',
        ),
        # Classes are for code.
        ('<pre lang="python"><span class="k">a</span></pre>', '<pre tabindex="0"><span class="k">a</span></pre>'),
        ('<p class="k"><span class="k">a</span></p>', "<p><span>a</span></p>"),
        ('<pre><span class="skip brand">a</span></pre>', '<pre tabindex="0"><span>a</span></pre>'),
        ('<div class="wide" align="center">a</div>', '<div class="wide" align="center">a</div>'),
        # The text around elements stays.
        ("a &lt; b<b>c</b>d", "a &lt; b<b>c</b>d"),
        ("", ""),
    ],
)  # fmt: skip
def test_html_fits_into_a_page(html: str, wanted: str) -> None:
    made = rewritten(html, images=False)
    check(made)
    assert made == wanted


@pytest.mark.parametrize(
    ("html", "wanted"),
    [
        (
            '<img src="https://example.com/a.png" width="40%" height="20" class="x" align="left">',
            '<img src="https://example.com/a.png" alt="" height="20" loading="lazy" referrerpolicy="no-referrer">',
        ),
        ('<img src="http://example.com/a.png" alt="A">', f'<a href="http://example.com/a.png" {REL}>A</a>'),
        ('<img src="data:image/png;base64,AA" alt="A">', "A"),
    ],
)
def test_images_are_shown_if_the_index_allows_them_and_they_come_by_https(html: str, wanted: str) -> None:
    made = rewritten(html, images=True)
    check(made)
    assert made == wanted


def test_html_that_is_nested_too_deeply_is_refused_instead_of_cut() -> None:
    with pytest.raises(ValueError, match="nested"):
        rewritten("<b>" * 300 + "a" + "</b>" * 300, images=False)
