"""Renders READMEs with the library that PyPI uses. Only the child imports this."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import docutils.parsers.rst.directives
import pygments.lexers
import pygments.plugin
import readme_renderer.markdown
import readme_renderer.rst
from docutils.writers.html5_polyglot import Writer
from pygments.lexers import get_lexer_by_name

from wheelyard_server.readmes.frames import Task
from wheelyard_server.readmes.markups import Markup
from wheelyard_server.readmes.rewriting import rewritten

_POPULAR = (
    "python",
    "pycon",
    "bash",
    "console",
    "json",
    "yaml",
    "toml",
    "ini",
    "javascript",
    "html",
    "sql",
    "diff",
)
"""Languages of READMEs. Each compiles its patterns when it is first used."""
_MARKDOWN = "# A heading\n\n<b>Text</b> [^1]\n\n- [x] done\n\n|a|\n|-|\n\n[^1]: note\n\n"
_RST = """
A heading
=========

.. note:: text
.. contents::
.. image:: https://example.com/a.png

`a link <https://example.com>`_ |a|

.. |a| replace:: text
.. code:: python

   a = 1
"""


def render(task: Task) -> str | None:
    """Return the HTML of a README; None if it is not valid in its markup."""
    html = _rendered(task)
    return None if html is None else rewritten(html, images=task.images)


def _rendered(task: Task) -> str | None:
    if task.markup is Markup.RST:
        return readme_renderer.rst.render(task.text)
    return readme_renderer.markdown.render(task.text, variant=task.markup.value)


def load() -> None:
    """Load all that rendering may need: a renderer can open no file."""
    # Only parts of its output are used. The whole is made from a template and a stylesheet, which
    # it would read for each text.
    Writer.apply_template = lambda _writer: ""
    readme_renderer.rst.SETTINGS["stylesheet_path"] = ""
    # For a name that it does not know, Pygments would look for plugins in all installed packages,
    # which a renderer cannot read.
    pygments.plugin.iter_entry_points = lambda _group: ()
    for folder in (docutils.parsers.rst.directives, pygments.lexers):
        for module in iter_modules([str(Path(folder.__file__).parent)]):
            import_module(f"{folder.__name__}.{module.name}")
    _warm_up()


def _warm_up() -> None:
    for name in _POPULAR:
        list(get_lexer_by_name(name).get_tokens("a\n"))
    for text, markup in ((_MARKDOWN, Markup.GFM), (_MARKDOWN, Markup.COMMONMARK), (_RST, Markup.RST)):
        render(Task(text, markup))
