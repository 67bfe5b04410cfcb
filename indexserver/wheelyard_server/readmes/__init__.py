"""READMEs as HTML: rendered by a child process with limits, and plain text when that fails (ADR 49)."""
