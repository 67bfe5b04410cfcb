"""The children that a resource should have: pure functions, one file for each kind."""
