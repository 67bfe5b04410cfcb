"""What resources say about themselves: pure functions of what was observed, never of memory."""
