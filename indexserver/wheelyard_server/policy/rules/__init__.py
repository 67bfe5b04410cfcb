"""The rules, one module each: compiled for a project, they object to its files.

No rule knows the present: an objection has an interval of time. None is asked about files while it
is off, see `policy.panel`. Files without a version count as every version, so that no rule is
bypassed by a filename that cannot be read, and as none for what permits (T33).
"""
