"""The logins at the API server: one of the official client, and one of kopf."""

from dataclasses import fields
from typing import Any

import kopf
import kubernetes
from urllib3.util.ssl_ import create_urllib3_context

from wheelyard_operator.tls import without_strict_form

_CONNECTIONS = 24
"""Connections to the API server: more than there are workers."""


def connect() -> Any:
    """Return an `ApiClient` that is logged in as the pod's ServiceAccount, or like kubectl."""
    configuration = kubernetes.client.Configuration()
    try:
        kubernetes.config.load_incluster_config(configuration)
    except kubernetes.config.ConfigException:
        kubernetes.config.load_kube_config(client_configuration=configuration)
    # The queue retries. Inside the client, a request might wait until this operator no longer
    # leads.
    configuration.retries = False
    configuration.connection_pool_maxsize = _CONNECTIONS
    return client_of(configuration)


def client_of(configuration: Any) -> Any:
    """Return the client of a configuration, which trusts the cluster's authority whatever its form."""
    client = kubernetes.client.ApiClient(configuration)
    # Without an authority of the cluster's own, urllib3 takes the public ones, and its own context.
    if configuration.verify_ssl and configuration.ssl_ca_cert:
        context = without_strict_form(create_urllib3_context())
        client.rest_client.pool_manager.connection_pool_kw["ssl_context"] = context
    return client


class ClusterConnection(kopf.ConnectionInfo):
    """What kopf knows of the API server, with the same TLS as the official client's."""

    def as_ssl_context(self) -> Any:
        """Return the context of kopf's connections."""
        return without_strict_form(super().as_ssl_context())


def log_in(**arguments: Any) -> ClusterConnection | None:
    """Log kopf in, as the official client is (a handler of `kopf.on.login`)."""
    found = kopf.login_via_client(**arguments)
    if found is None:
        return None
    return ClusterConnection(**{each.name: getattr(found, each.name) for each in fields(found)})
