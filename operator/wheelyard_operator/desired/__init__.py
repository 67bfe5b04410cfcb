"""The children that a resource should have: pure functions, one module for each kind."""
