"""TLS to servers whose certificates a cluster or a company signs itself.

From Python 3.13 on, `ssl.create_default_context` and urllib3 hold certificates to the letter of
RFC 5280 (`VERIFY_X509_STRICT`). The authorities of many clusters and companies lack what that asks
for, such as keyUsage or key identifiers, and a newer image must not cut off the API server or S3.
So the flag is off on every Python. Chain, host name and dates are checked on every Python.
"""

import ssl


def without_strict_form(context: ssl.SSLContext) -> ssl.SSLContext:
    """Return the context after it was set to accept certificates that break the form of RFC 5280."""
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
