"""Who may do what: credentials become a principal, grants decide, and the catalog is only seen through both.

`guard.py` is the catalog as one principal may see it; `rules.py` are the grants; `file.py` reads and reloads
`access.yaml`; `authenticate.py` finds out who is asking.
"""
