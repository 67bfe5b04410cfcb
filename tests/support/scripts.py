"""Texts that try to run a script in a page that shows them, for each place of a page: made here."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

MARK = "ran"
CODE = f"alert('{MARK}')"
"""Opens a dialog, of which the DevTools protocol reports."""
_CODED = "".join(f"&#{ord(each)};" for each in "javascript:") + CODE
TAGS = (
    f"<script>{CODE}</script>",
    f"<SCRIPT >{CODE}</SCRIPT >",
    f"<scr<script>ipt>{CODE}</scr</script>ipt>",
    f"<script\n>{CODE}</script\n>",
    f"<script>{CODE}//",
    f"<script/x>{CODE}</script>",
    f"<script src=data:,{CODE}></script>",
    f"<script type=module>{CODE}</script>",
    f"<img src=x onerror={CODE}>",
    f"<img/src=x/onerror={CODE}>",
    f"<img src=x onerror\n=\n{CODE}>",
    f"<IMG SRC=x OnErRoR={CODE}>",
    f'<img src="x` `" onerror={CODE}>',
    f"<img src=x onerror={CODE} ",
    f"<image src=x onerror={CODE}>",
    f"<svg onload={CODE}>",
    f"<svg/onload={CODE}//",
    f"<svg><script>{CODE}</script></svg>",
    f"<svg><animate onbegin={CODE} attributeName=x dur=1s>",
    f"<svg><a xlink:href=javascript:{CODE}><text x=9 y=9>a</text></a></svg>",
    f"<svg><use href='data:image/svg+xml,<svg id=x onload={CODE}/>#x'></svg>",
    f"<svg><foreignObject><body onload={CODE}></svg>",
    f"<math><mtext><img src=x onerror={CODE}></math>",
    f"<math><mi xlink:href=javascript:{CODE}>a</mi></math>",
    f"<body onload={CODE}>",
    f"<iframe src=javascript:{CODE}></iframe>",
    f'<iframe srcdoc="<script>parent.{CODE}</script>"></iframe>',
    f"<iframe onload={CODE}></iframe>",
    f"<object data=javascript:{CODE}></object>",
    f"<object onerror={CODE} data=x></object>",
    f"<embed src=javascript:{CODE}>",
    f"<details open ontoggle={CODE}>a</details>",
    f"<input autofocus onfocus={CODE}>",
    f"<select autofocus onfocus={CODE}></select>",
    f"<a href=# tabindex=0 autofocus onfocus={CODE}>a</a>",
    f"<video><source onerror={CODE}></video>",
    f"<audio src=x onerror={CODE}></audio>",
    f"<marquee onstart={CODE}>a</marquee>",
    f"<meta http-equiv=refresh content='0;url=javascript:{CODE}'>",
    f"<base href='javascript:{CODE}//'>",
    f"<link rel=stylesheet href=x onerror={CODE}>",
    f"<style onload={CODE}></style>",
    f"<style>@keyframes x{{}}</style><b style='animation-name:x' onanimationstart={CODE}>a</b>",
    f"<form action=javascript:{CODE}><button autofocus>a</button></form>",
    f"<button form=q formaction=javascript:{CODE}>a</button>",
    f"<template><script>{CODE}</script></template>",
    f"<noscript><p title='</noscript><img src=x onerror={CODE}>'>",
    f"<table><td background=javascript:{CODE}>a",
    f"<x onclick={CODE}>a</x>",
    f"<!--><img src=x onerror={CODE}>-->",
    f"<![CDATA[><img src=x onerror={CODE}>]]>",
    f"<?x ><img src=x onerror={CODE}>",
)
"""Markup."""
ENDS = (
    f'"><script>{CODE}</script>',
    f"'><script>{CODE}</script>",
    f'" onmouseover={CODE} autofocus onfocus={CODE} x="',
    f"' onmouseover={CODE} autofocus onfocus={CODE} x='",
    f"` onfocus={CODE} autofocus x=`",
    f"</title><script>{CODE}</script>",
    f"</textarea><script>{CODE}</script>",
    f"</style><script>{CODE}</script>",
    f"</script><script>{CODE}</script>",
    f"</bdi></p></main><script>{CODE}</script>",
    f"--><script>{CODE}</script>",
    f"';{CODE};//",
    f'";{CODE};//',
    f"{{{{ {CODE} }}}}",
    f"{{% endblock %}}<script>{CODE}</script>",
    f"{{{{ ''.__class__ }}}}<img src=x onerror={CODE}>",
    f"&lt;script&gt;{CODE}&lt;/script&gt;",
    f"&#60;img src=x onerror={CODE}&#62;",
    quote(f"<script>{CODE}</script>"),
    f"\\u003cscript\\u003e{CODE}\\u003c/script\\u003e",
    f"\uff1cscript\uff1e{CODE}\uff1c/script\uff1e",
    f"+ADw-script+AD4-{CODE}+ADw-/script+AD4-",
)
"""Texts that end what they stand in, or that a second decoding would turn into markup."""
LINKS = (
    f"javascript:{CODE}",
    f"JaVaScRiPt:{CODE}",
    f"javascript://example.com/%0a{CODE}",
    f"java%73cript:{CODE}",
    f"java\tscript:{CODE}",
    f"\x01javascript:{CODE}",
    f"vbscript:{CODE}",
    f"data:text/html,<script>{CODE}</script>",
    f"data:image/svg+xml,<svg onload={CODE}>",
    f"blob:{CODE}",
    f'https://example.com/" onmouseover={CODE} x="',
    f"https://example.com/'><script>{CODE}</script>",
    f"//example.com/<script>{CODE}</script>",
)
"""Targets of links."""
MARKDOWN = (
    *(f"[a](<{each}>)" for each in LINKS),
    *(f"![a](<{each}>)" for each in LINKS[:4]),
    f"[a]({_CODED})",
    f"<javascript:{CODE}>",
    f"[a]: javascript:{CODE}\n\n[a]",
    f'[a](https://example.com/ "\\" onmouseover={CODE} x=\\"")',
    f'![" onerror={CODE} x="](x)',
    f'```"><script>{CODE}</script>\na\n```',
    f"# <img src=x onerror={CODE}>",
    f"| a |\n| - |\n| <img src=x onerror={CODE}> |",
    f"`<script>{CODE}</script>`",
    f"<https://example.com/'onmouseover={CODE}'>",
)
REST = (
    f".. raw:: html\n\n   <script>{CODE}</script>",
    f".. role:: raw-html(raw)\n   :format: html\n\n:raw-html:`<script>{CODE}</script>`",
    *(f"`a <{each}>`_" for each in (LINKS[0], LINKS[1], LINKS[6], LINKS[7])),
    f".. image:: javascript:{CODE}",
    f".. image:: x\n   :target: javascript:{CODE}",
    f'.. image:: x\n   :alt: "><script>{CODE}</script>',
    f".. figure:: x\n   :target: data:text/html,<script>{CODE}</script>\n\n   a",
    f'.. code:: "><script>{CODE}</script>\n\n   a',
    f'.. container:: x" onmouseover={CODE}\n\n   a',
    f".. _a: javascript:{CODE}\n\na_",
    f".. |a| replace:: <img src=x onerror={CODE}>\n\n|a|",
    f".. meta::\n   :refresh: 0;url=javascript:{CODE}",
    f".. math:: </script><script>{CODE}</script>",
)


@dataclass(frozen=True)
class Vector:
    """A text in one place of a page."""

    place: str
    text: str


def on_one_line(text: str) -> bool:
    """Return whether a text may be the value of a line of core metadata."""
    return not any(each in text for each in "\n\r\x01")


def vectors() -> Iterator[Vector]:
    """Yield all vectors."""
    for text in (*TAGS, *ENDS):
        yield Vector("query", text)
        yield Vector("reason", text)
        yield Vector("markdown", text)
        yield Vector("rest", f".. raw:: html\n\n   {text}" if "\n" not in text else text)
        if on_one_line(text):
            yield Vector("summary", text)
            yield Vector("author", text)
    for text in (each for each in LINKS if on_one_line(each)):
        yield Vector("link", text)
        yield Vector("next", text)
    yield from (Vector("markdown", text) for text in MARKDOWN)
    yield from (Vector("rest", text) for text in REST)
