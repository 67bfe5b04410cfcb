"""HTTP: requests in, answers out.

`routes.py` has all paths; each handler module serves some of them. Nothing here decides rights (see
`access`) or where bytes are (see `catalog`).
"""
