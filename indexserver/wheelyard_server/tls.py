"""TLS of the server as a client: which authorities it trusts (ADR 22)."""

import ssl


def client_context(authorities: str) -> ssl.SSLContext:
    """Return a TLS context that trusts the public authorities and these (PEM)."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Python 3.13 turned this on. Authorities of companies lack what it asks for, such as keyUsage;
    # chain, host name and dates are checked without it.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    trust(context, authorities)
    return context


def trust(context: ssl.SSLContext, authorities: str) -> None:
    """Trust these authorities (PEM), too; raise `ssl.SSLError` if they cannot be read."""
    if authorities:
        # Comments between the certificates may contain any characters.
        context.load_verify_locations(cadata=authorities.encode("ascii", "replace").decode())


def check_authorities(authorities: str) -> None:
    """Raise a `ValueError` if these are not certificates in PEM."""
    try:
        trust(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), authorities)
    except ssl.SSLError as error:
        raise ValueError(f"`caBundle` must be certificates in PEM: {error}") from error
