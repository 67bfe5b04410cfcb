"""Package clients at pinned versions, run as their users run them."""
