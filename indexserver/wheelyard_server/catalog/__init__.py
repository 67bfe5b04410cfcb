"""The contents of an index: projects and files, and the protocol that keeps them consistent.

The layers above use `catalog.py`. `publish.py` commits an upload. `documents.py` reads and swaps
the projects' documents. `inspection/` inspects uploaded files. `ownership.py` records which index
owns the storage.
"""
