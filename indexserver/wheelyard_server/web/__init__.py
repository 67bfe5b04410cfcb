"""HTTP: requests in, answers out. Nothing here decides who may do what, or where bytes lie.

`routes.py` is the table of all paths; each handler module serves one part of it.
"""
