"""The headers of pages for people, which differ from those of all other answers.

Pages have forms, a stylesheet and a script of this index, and nothing else: nothing inline, nothing
of another site (https://www.w3.org/TR/CSP3/). Answers depend on the session cookie, so no shared
cache keeps them.
"""

from collections.abc import Mapping
from types import MappingProxyType

from wheelyard_server.web.http.headers import CSP, VARY

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'{images}; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def page_headers(*, images: bool) -> Mapping[str, str]:
    """Return the headers of a page; `images` lets it load images of other sites by HTTPS."""
    return MappingProxyType(
        {
            CSP: _POLICY.format(images=" https:" if images else ""),
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cache-Control": "private, no-cache",
            "Vary": f"{VARY}, Cookie",
        }
    )
