"""`make bench`: speed and costs next to other servers, in one run. docs/dev/speed-log.md says how to read it."""
