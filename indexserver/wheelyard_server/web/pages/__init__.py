"""Simple API pages: rendering, representations, and content negotiation."""
