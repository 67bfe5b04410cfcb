#!/usr/bin/env bash
# msgspec 0.22.0 (PyPI: msgspec): a default that is a tuple stays a tuple in a JSON schema, and openapi-spec-validator 0.9.0 says
# that it is no array.
#
# Expected: `msgspec.json.schema` returns what JSON has. The default of a `frozenset` is a list there.
# Seen (2026-11-30): "() is not of type 'array'" for a document with the schema in it. Encoded and decoded again, it is valid.
#
# Needs Python 3.10 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check msgspec==0.22.0 openapi-spec-validator==0.9.0
venv/bin/python - << 'PYTHON'
import msgspec
from openapi_spec_validator import OpenAPIV31SpecValidator


class Names(msgspec.Struct):
    ordered: tuple[str, ...] = ()
    unordered: frozenset[str] = frozenset()


_, schemas = msgspec.json.schema_components([Names], ref_template="#/components/schemas/{name}")
document = {"openapi": "3.1.0", "info": {"title": "-", "version": "1"}, "paths": {}, "components": {"schemas": schemas}}
errors = [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()]
decoded = msgspec.json.decode(msgspec.json.encode(document))
defaults = [schemas["Names"]["properties"][name]["default"] for name in ("ordered", "unordered")]
print(defaults, errors)
assert not list(OpenAPIV31SpecValidator(decoded).iter_errors()), "the schema is wrong in itself"
assert defaults == [(), []], "the tuple becomes a list"
assert errors == ["() is not of type 'array'"], "a tuple is an array"
# [(), []] ["() is not of type 'array'"]
PYTHON
