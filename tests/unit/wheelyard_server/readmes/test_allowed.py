import pytest

from wheelyard_server.readmes.allowed import MAX_DEPTH, ForeignHtmlError, check

REL = 'rel="nofollow noreferrer noopener"'


@pytest.mark.parametrize(
    "html",
    [
        "",
        "a &lt; b &amp; c > d \" ' \0",
        '<h3 id="user-content-a">a</h3><br><hr>',
        f'<a href="https://example.com/?a=&quot;b" {REL}>a</a>',
        '<img src="https://example.com/a.png" alt="a &gt; b" loading="lazy">',
        '<pre tabindex="0"><code><span class="mi">1</span></code></pre>',
        "<b>" * MAX_DEPTH + "</b>" * MAX_DEPTH,
    ],
)
def test_allowed_html_is_accepted(html: str) -> None:
    check(html)


@pytest.mark.parametrize(
    "html",
    [
        "<script>",
        "<script></script>",
        "a < b",
        "<!-- a -->",
        "<b",
        "<B>a</B>",
        "<b >a</b>",
        "<b/>",
        '<b onclick="a">a</b>',
        "<b id='user-content-a'>a</b>",
        "<b id=user-content-a>a</b>",
        '<b id="main">a</b>',
        '<b id="user-content-a b">a</b>',
        '<b id="user-content-a" id="user-content-b">a</b>',
        '<a href="javascript:alert(1)">a</a>',
        '<a href="/login/">a</a>',
        '<a href="https://example.com" rel="opener">a</a>',
        '<img src="http://example.com/a.png">',
        '<img src="https://example.com/a.png"></img>',
        '<span class="brand">a</span>',
        '<div class="k">a</div>',
        '<p style="a">a</p>',
        '<b title="a">a</b>',
        '<b\ttitle="a">a</b>',
        "<h1>a</h1>",
        "<h2>a</h2>",
        "<nav>a</nav>",
        "<form>a</form>",
        "<svg></svg>",
        "</div>",
        "</div></main>",
        "<div>",
        "<b><i></b></i>",
        '<b></b id="user-content-a">',
        "<b>" * (MAX_DEPTH + 1) + "</b>" * (MAX_DEPTH + 1),
    ],
)
def test_anything_else_is_refused(html: str) -> None:
    with pytest.raises(ForeignHtmlError):
        check(html)
