"""Runs the reconcilers: queue, leadership, start and stop, and every call to the outside."""
