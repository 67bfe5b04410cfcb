"""License expressions of distributions, from their core metadata (PEP 639).

Older metadata has a classifier or free text instead. They count only if they mean exactly one
license of SPDX: "BSD" does not, and "Apache Software License" may be any version.
https://packaging.python.org/en/latest/specifications/core-metadata/#license-expression
"""

import re
from collections.abc import Iterable

from packaging.metadata import RawMetadata

from wheelyard_server.catalog.inspection.metadata import fields_of
from wheelyard_server.model.mirror import NO_LICENSE
from wheelyard_server.policy.license_expressions import canonical

_PREFIX = "License ::"
_NO_LICENSES = frozenset({"License :: OSI Approved", "License :: DFSG approved"})
"""Classifiers that say something about a license without naming it."""
_ID_IN_PARENTHESES = re.compile(r"\(([A-Za-z0-9. -]+)\)$")
"""Such as (EPL-2.0) or (MPL 2.0)."""
_OSI = "License :: OSI Approved :: "
_EXACT = {
    "License :: CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    f"{_OSI}GNU Affero General Public License v3": "AGPL-3.0-only",
    f"{_OSI}GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    f"{_OSI}GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    f"{_OSI}GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    f"{_OSI}GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    f"{_OSI}GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    f"{_OSI}GNU Lesser General Public License v2 (LGPLv2)": "LGPL-2.0-only",
    f"{_OSI}GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    f"{_OSI}GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    f"{_OSI}GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    f"{_OSI}ISC License (ISCL)": "ISC",
    f"{_OSI}MIT License": "MIT",
    f"{_OSI}Mozilla Public License 1.0 (MPL)": "MPL-1.0",
    f"{_OSI}PostgreSQL License": "PostgreSQL",
    f"{_OSI}Universal Permissive License (UPL)": "UPL-1.0",
    f"{_OSI}University of Illinois/NCSA Open Source License": "NCSA",
}


def license_of(raw: bytes) -> str:
    """Return the license expression of core metadata, as SPDX spells it; `NO_LICENSE` if it has none."""
    fields = fields_of(raw)
    written = canonical(fields.get("license_expression", ""))
    return written or _of_older_fields(fields) or NO_LICENSE


def _of_older_fields(fields: RawMetadata) -> str:
    """Return the one license that the field License and the classifiers name; "" if they name none, or two."""
    named = {_of_classifiers(fields.get("classifiers", ())), canonical(fields.get("license", "").strip())} - {""}
    return named.pop() if len(named) == 1 else ""


def _of_classifiers(classifiers: Iterable[str]) -> str:
    """Return the license of a single classifier: two may be alternatives, or parts."""
    found = {each.strip() for each in classifiers if each.startswith(_PREFIX)} - _NO_LICENSES
    return _of_classifier(found.pop()) if len(found) == 1 else ""


def _of_classifier(classifier: str) -> str:
    found = _ID_IN_PARENTHESES.search(classifier)
    return _EXACT.get(classifier) or (canonical(found[1].replace(" ", "-")) if found else "")
