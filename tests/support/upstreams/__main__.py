"""Run an upstream with the sample's packages until it is ended: `python -m support.upstreams --kind pypi`."""

import argparse
import signal
import sys
import threading
from datetime import UTC, datetime

from support.upstreams.kinds import KINDS
from support.upstreams.running import make
from support.upstreams.stock import Stock, sample

_LOOK_SECONDS = 0.1
"""Between two looks for new requests."""


def main() -> None:
    """Run it, and print its URL and its requests."""
    parser = argparse.ArgumentParser(prog="python -m support.upstreams", description=__doc__)
    parser.add_argument("--kind", choices=KINDS, default="pypi")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--files-port", type=int, default=0)
    parser.add_argument("--password", default="", help="what a kind with a login accepts")
    parser.add_argument(
        "--young", action="append", default=[], help="a release that is published now: NAME==VERSION"
    )
    arguments = parser.parse_args()
    stock = sample()
    for release in arguments.young:
        publish_now(stock, *release.split("=="))
    upstream = make(arguments.kind, stock, host=arguments.host, ports=(arguments.port, arguments.files_port))
    upstream.kind.password = arguments.password or upstream.kind.password
    upstream.start()
    # Before the URL, which is when others begin to end this program.
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    signal.signal(signal.SIGINT, lambda *_: ended.set())
    sys.stdout.write(f"{upstream.login_url}\n")
    sys.stdout.flush()
    printed = 0
    while not ended.wait(_LOOK_SECONDS):
        seen = upstream.log[printed:]
        sys.stdout.writelines(f"{each.status} {each.line}\n" for each in seen)
        sys.stdout.flush()
        printed += len(seen)
    upstream.stop()


def publish_now(stock: Stock, name: str, version: str) -> None:
    """Add a wheel that was uploaded at this moment."""
    made = stock.wheel(name, version, module=f"version = {version!r}\n")
    stock.change(name, made.filename, upload_time=datetime.now(UTC))


if __name__ == "__main__":
    main()
