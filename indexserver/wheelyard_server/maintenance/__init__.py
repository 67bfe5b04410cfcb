"""Maintenance of a whole storage: verify it, collect its garbage, copy it, also while the index is in use.

`inventory.py` iterates over all projects. `verify.py`, `gc.py` and `copy.py` do one job each and
report the events of `events.py`.
"""
