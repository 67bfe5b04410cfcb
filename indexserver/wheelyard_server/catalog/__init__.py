"""What the index holds: projects and files, and the protocol that keeps them whole.

`catalog.py` is what the layers above use; `publish.py` commits an upload; `documents.py` reads and swaps the
projects' documents; `inspection/` looks into an uploaded file; `ownership.py` says whose storage it is.
"""
