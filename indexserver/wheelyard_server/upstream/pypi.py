"""PyPI: its address is a constant of distlib, so that this repository spells it nowhere."""

from functools import cache
from urllib.parse import urljoin

from distlib.index import DEFAULT_INDEX


@cache
def simple_url() -> str:
    """Return the URL of PyPI's simple API."""
    return urljoin(str(DEFAULT_INDEX), "/simple/")
