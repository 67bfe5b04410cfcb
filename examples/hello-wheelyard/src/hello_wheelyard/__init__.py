"""Says hello with the help of two dependencies, to show that those were installed too."""

from importlib.metadata import version

import flask
import requests


def main() -> None:
    """Print one line through a Flask application."""
    app = flask.Flask("hello")
    app.get("/")(lambda: f"hello from wheelyard {version('hello-wheelyard')}")
    answer = app.test_client().get("/").text
    print(f"{answer} (flask {version('flask')}, requests {requests.__version__})")
