"""The handlers: each turns one kind of request into calls of the catalog and a response."""
