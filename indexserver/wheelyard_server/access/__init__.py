"""Who may do what: credentials become a principal, grants decide, and the catalog is reached only through both.

`authenticate.py` turns credentials into a principal. `rules.py` holds the grants. `access_file.py`
parses `access.yaml`, and `reloading.py` keeps it current. `guard.py` is the catalog as one
principal may see it.
"""
