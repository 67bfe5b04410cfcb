"""Projects of upstreams: who owns a name, what is fresh, and which of their bytes are kept."""
