"""Renders the webhook of index.yaml, and mounts its Secret into the pods."""

from wheelyard_operator.resource import Manifest, PackageIndex, Webhook
from wheelyard_operator.resource.upstreams import server_form

WEBHOOK_FOLDER = "/etc/wheelyard/webhook"
_VOLUME = "webhook"
_KEYS = ("secret", "previous")


def webhook_section(webhook: Webhook) -> Manifest:
    """Return `webhook`, with the host of this receiver alone."""
    optional = {"events": list(webhook.events), "caBundle": webhook.ca_bundle}
    return {
        "url": webhook.url,
        "secretFolder": WEBHOOK_FOLDER,
        **{key: value for key, value in optional.items() if value},
        "allowedHosts": [server_form(webhook.host)],
    }


def webhook_volume(index: PackageIndex) -> list[Manifest]:
    """Return the volume with the Secret. It is optional, so that a missing one blocks no pod."""
    if index.webhook is None:
        return []
    items = [{"key": key, "path": key} for key in _KEYS]
    secret = {"secretName": index.webhook.secret_name, "items": items, "optional": True, "defaultMode": 0o440}
    return [{"name": _VOLUME, "secret": secret}]


def webhook_mount(index: PackageIndex) -> list[Manifest]:
    """Return the mount of that volume."""
    mount = {"name": _VOLUME, "mountPath": WEBHOOK_FOLDER, "readOnly": True}
    return [mount] if index.webhook else []
