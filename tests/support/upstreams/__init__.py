"""Upstream servers made by the tests: one for each of eight kinds of package indexes.

Their pages, URLs, headers and refusals have the shapes that the products document or that their
users report; their packages are made here. They run on 127.0.0.1 inside a test
(`running.upstream`) and as a program (`python -m support.upstreams`), which needs only Python.
"""
