"""HTTP below the handlers: headers, targets, proxies, bodies, and the life of a request."""
