"""Observe, decide, apply, report: one call for every reason there may be."""
