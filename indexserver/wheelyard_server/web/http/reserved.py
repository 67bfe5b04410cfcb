"""The first segments of paths that are the index's own, so no project's page is at `/<segment>/`.

Clients of old indexes ask for a project's page at `/<project>/` and for its JSON at
`/<project>/json`. A project with one of these names has neither: its pages are
`/simple/<project>/` for installers and `/project/<project>/` for people.
"""

RESERVED = frozenset(
    (
        *("simple", "files", "packages", "mirror", "integrity"),  # installers
        *("legacy", "pypi", "api", "_", "-"),  # uploads, the APIs, assets and probes
        *("project", "projects", "access", "login", "logout", "upstreams", "advisories"),  # pages for people
    )
)
"""A test compares this with the table of routes."""
