"""Checks an event as a receiver does, with the libraries of Standard Webhooks and of CloudEvents.

It runs in their environment, and reads `{"secret", "headers", "body"}` from its input.
"""

import json
import sys

from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from standardwebhooks import Webhook


def main() -> None:
    """Print the attributes of the event; fail if its signature does not fit, or if it is no CloudEvent."""
    given = json.load(sys.stdin)
    body = given["body"].encode()
    Webhook(given["secret"]).verify(body, given["headers"])
    event = from_http_event(HTTPMessage(given["headers"], body))
    json.dump({name: str(value) for name, value in event.get_attributes().items()}, sys.stdout)


if __name__ == "__main__":
    main()
