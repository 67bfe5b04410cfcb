#!/usr/bin/env bash
# license-expression 30.4.4 (PyPI: license-expression): MPL-2.0-no-copyleft-exception is no license.
#
# Expected: it is one: the SPDX list has it among the licenses, not among the exceptions, and it is not deprecated. packaging 26.4
# takes it in `License-Expression`.
# Seen (2026-11-30): "A license exception symbol can only be used as an exception". After WITH it is taken, where SPDX has no such
# exception. Of 699 identifiers in packaging's list, 8 others are refused; all of them are deprecated.
#
# Needs Python 3.10 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check license-expression==30.4.4 packaging==26.4
venv/bin/python - << 'PYTHON'
from license_expression import get_spdx_licensing
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

LICENSE = "MPL-2.0-no-copyleft-exception"
spdx = get_spdx_licensing()
alone, after_with = spdx.validate(LICENSE).errors, spdx.validate(f"MPL-2.0 WITH {LICENSE}").errors
print("alone:", alone)
print("after WITH:", after_with)
assert canonicalize_license_expression(LICENSE) == LICENSE, "packaging does not know the license"
try:
    raise SystemExit(f"packaging has an exception {canonicalize_license_expression(f'MPL-2.0 WITH {LICENSE}')}")
except InvalidLicenseExpression as error:
    print("packaging, after WITH:", error)
assert "can only be used as an exception" in str(alone), "the license is taken"
assert not after_with, "the license is no exception"
# alone: ['A license exception symbol can only be used as an exception in a "WITH exception" statement. for token: ...']
# after WITH: []
# packaging, after WITH: Unknown license exception: 'mpl-2.0-no-copyleft-exception'
PYTHON
