"""Loaders of YAML: plain data only."""

from typing import TypeAlias

import yaml

YamlLoader: TypeAlias = type[yaml.SafeLoader] | type[yaml.CSafeLoader]

SAFE_LOADER: YamlLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BOOLEAN = "tag:yaml.org,2002:bool"


class PlainWords(SAFE_LOADER):  # type: ignore[misc, valid-type] # the one with the C library if there is one
    """Reads `Off`, `on`, `no` and the like as texts, as YAML 1.2 does: the booleans are true and false."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as the base class has it
        first: [each for each in resolvers if each[0] != _BOOLEAN or first in "tTfF"]
        for first, resolvers in SAFE_LOADER.yaml_implicit_resolvers.items()
    }
