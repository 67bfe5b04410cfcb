"""A watch whose connection is dead, without anybody having said so, is noticed."""

import asyncio
import json
from pathlib import Path
from urllib.parse import urlsplit

from apiserver.operators import Operator, add_user, ended, until_seen
from cluster import ApiServer
from support.proxy import passage
from support.rest import Rest

IMPATIENT = """
from wheelyard_operator import __main__ as operator

patient = operator.kopf_settings

def impatient(**options):
    settings = patient(**options)
    settings.watching.inactivity_timeout = 20
    return settings

operator.kopf_settings = impatient
operator.main()
"""
"""The operator, which takes silence for death after 20 s instead of 70 (test_handlers.py is about that number)."""


async def test_resources_created_after_the_watches_died_are_seen(
    api: ApiServer, rest: Rest, namespace: str, tmp_path: Path
) -> None:
    """A new resource is: changes of known ones are found by looking at them again."""
    server = urlsplit(api.url)
    assert server.hostname
    assert server.port
    async with passage(server.hostname, server.port) as proxy:
        # The certificate names this address, whatever the port.
        config = json.loads(api.kubeconfig.read_text())
        config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{proxy.port}"
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(json.dumps(config))
        operator = await asyncio.to_thread(
            Operator, "one", kubeconfig, namespace, tmp_path / "one.log", "-c", IMPATIENT, lease=False
        )
        with ended(operator):
            add_user(rest, namespace, "before")
            await asyncio.to_thread(until_seen, rest, namespace, "before")
            assert proxy.swallow() > 8, "the watches go this way"
            add_user(rest, namespace, "after")
            await asyncio.to_thread(until_seen, rest, namespace, "after")
