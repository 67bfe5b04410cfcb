"""The pictures of the site: Mermaid's script is part of it, and only pages with a picture load it.

The theme would fetch the script from a public host, and run whatever came from there.
"""

from importlib.resources import files

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File
from mkdocs.utils import get_relative_url

SCRIPT = "assets/mermaid.min.js"
_MARK = '<pre class="mermaid">'


def script() -> bytes:
    """Return Mermaid, as its authors publish it at npm and mermaidx carries it."""
    return (files("mermaidx") / "assets/mermaid.js").read_bytes()


def file(config: MkDocsConfig) -> File:
    """Return the script as a file of the site."""
    return File.generated(config, SCRIPT, content=script())


def with_script(html: str, url: str) -> str:
    """Return a page that loads the script from the site if it has a picture; `url` is that of the page."""
    if _MARK not in html:
        return html
    return html.replace("</head>", f'<script src="{get_relative_url(SCRIPT, url)}"></script></head>', 1)
