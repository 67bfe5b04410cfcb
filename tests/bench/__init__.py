"""`make bench`: what things cost, beside others, in one run. docs/performance.md tells how to read it."""
