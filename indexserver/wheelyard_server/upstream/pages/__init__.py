"""Pages of upstreams: reads the JSON form (PEP 691) and the HTML form (PEP 503) of a project's page."""
