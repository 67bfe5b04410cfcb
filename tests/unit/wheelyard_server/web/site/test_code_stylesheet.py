"""The stylesheet of highlighted code: static/code.css, with the colors of static/site.css."""

import re
from importlib.resources import files

import pytest
from pygments.token import STANDARD_TYPES

from wheelyard_server.web.site.assets import ASSET_PATHS

STATIC = files("wheelyard_server.web.site") / "static"
CODE, SITE = ((STATIC / name).read_text() for name in ("code.css", "site.css"))
MIN_CONTRAST = 4.5
"""https://www.w3.org/TR/WCAG22/#contrast-minimum."""


def luminance(color: str) -> float:
    digits = color[1:] if len(color) == 7 else "".join(2 * each for each in color[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_it_is_small_and_an_asset_of_its_own() -> None:
    assert len(CODE.encode()) <= 3000
    assert "code.css" in ASSET_PATHS


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_all_colors_can_be_read(scheme: int) -> None:
    (background,) = re.findall(r"--raised: (#[0-9a-f]+)", SITE)[scheme : scheme + 1]
    used = set(re.findall(r"color: var\((--[a-z]+)\)", CODE))
    assert len(used) == 5
    for name in used:
        color = re.findall(rf"{name}: (#[0-9a-f]+)", SITE)[scheme]
        assert contrast(color, background) >= MIN_CONTRAST, name


def test_its_classes_are_those_of_pygments_inside_of_readmes() -> None:
    rules = re.findall(r"^(.*) \{", CODE, re.MULTILINE)
    assert rules
    for rule in rules:
        inside = re.fullmatch(r"\.readme :is\((.*)\)", rule)
        assert inside is not None, rule
        assert set(inside[1].replace(".", "").split(", ")) <= set(STANDARD_TYPES.values())
