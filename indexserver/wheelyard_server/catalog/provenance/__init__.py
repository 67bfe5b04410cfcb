"""Attestations of files (PEP 740): parsing, adding them later, and the CI jobs that signed them."""
