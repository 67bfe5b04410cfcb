"""Decides which files of a project are offered: one pure function for pages, files and what belongs to them.

It imports nothing of the server but the model and the names. No verdict is ever stored, so none can
be stale, and none can be bypassed.
"""
