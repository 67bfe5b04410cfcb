"""A client of the management API that only notes what a command asks for."""

import argparse
from types import ModuleType
from typing import IO, Any

from wheelyard_server.commands.client import Client


class NotedCalls(Client):
    """Answers each call with itself."""

    def call(self, method: str, path: str, body: object = None) -> Any:
        return [method, path, body]

    def send(self, method: str, path: str, file: IO[bytes], content_type: str, seconds: float) -> Any:
        return {"sent": [method, path, file.read(), content_type, seconds]}


NOTED = NotedCalls("https://pypi.example.com", None)


def parsed(module: ModuleType, *arguments: str) -> argparse.Namespace:
    """Return what the commands of a module read from the command line."""
    parser = argparse.ArgumentParser()
    module.add_to(parser.add_subparsers())
    return parser.parse_args(arguments)
