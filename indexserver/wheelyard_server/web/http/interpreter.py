"""Refuses to start on a Python that would read requests unsafely."""

import sys

from aiohttp.http_parser import HttpRequestParser

from wheelyard_server.errors import UnsafeInterpreterError

_C_PARSER = "aiohttp._http_parser"


def require_safe_interpreter() -> None:
    """Raise `UnsafeInterpreterError` if aiohttp would parse requests with another parser than the one we test.

    Most advisories of request smuggling in aiohttp concern its parser in Python, and CVE-2025-69227
    needs `python -O`.
    """
    if sys.flags.optimize:
        raise UnsafeInterpreterError("Start Python without -O and PYTHONOPTIMIZE: they turn off checks of requests")
    if HttpRequestParser.__module__ != _C_PARSER:
        raise UnsafeInterpreterError(
            "aiohttp's parser in C is not in use: unset AIOHTTP_NO_EXTENSIONS, use CPython and a wheel of aiohttp"
        )
