"""Logs, the audit log, metrics, and traces of requests."""
