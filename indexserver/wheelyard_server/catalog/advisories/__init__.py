"""The advisories of one storage: which are in force, on which replica they are fetched, and how all others follow.

The storage has a pointer, `advisories/current.json`, and objects that never change, by digest. The
replica whose compare-and-swap on the pointer succeeds fetches; all read the same objects (ADR 44).
Whatever fails, what was in force stays in force (U11).
"""
