"""Licenses of core metadata, written in the new way and in the old ones."""

import pytest
from trove_classifiers import classifiers, deprecated_classifiers

from wheelyard_server.catalog.inspection.licenses import _EXACT, license_of
from wheelyard_server.model.mirror import NO_LICENSE
from wheelyard_server.policy.license_expressions import canonical


def metadata(*lines: str) -> bytes:
    return "\n".join(("Metadata-Version: 2.4", "Name: demo", "Version: 1.0", *lines, "", "Text")).encode()


MIT, APACHE = "Classifier: License :: OSI Approved :: MIT License", "License: Apache-2.0"


@pytest.mark.parametrize(
    ("lines", "license_"),
    [
        (["License-Expression: MIT"], "MIT"),
        (["License-Expression: mit or (Apache-2.0 AND bsd-3-clause)"], "MIT OR (Apache-2.0 AND BSD-3-Clause)"),
        (["License-Expression: MIT", "License: GPL-3.0-only"], "MIT"),
        (["License-Expression: whatever"], NO_LICENSE),
        ([], NO_LICENSE),
        # classifiers
        ([MIT], "MIT"),
        ([MIT, "Classifier: License :: OSI Approved"], "MIT"),
        (["Classifier: License :: OSI Approved :: Eclipse Public License 2.0 (EPL-2.0)"], "EPL-2.0"),
        (
            ["Classifier: License :: OSI Approved :: GNU General Public License v2 or later (GPLv2+)"],
            "GPL-2.0-or-later",
        ),
        (["Classifier: License :: OSI Approved :: Apache Software License"], NO_LICENSE),
        (["Classifier: License :: OSI Approved :: BSD License"], NO_LICENSE),
        (["Classifier: License :: Other/Proprietary License"], NO_LICENSE),
        ([MIT, "Classifier: License :: OSI Approved :: ISC License (ISCL)"], NO_LICENSE),
        (["Classifier: Programming Language :: Python :: 3"], NO_LICENSE),
        # the field License
        ([APACHE], "Apache-2.0"),
        (["License: Apache 2.0"], NO_LICENSE),
        (["License: BSD"], NO_LICENSE),
        (["License: MIT License", "        Permission is hereby granted"], NO_LICENSE),
        (["License: MIT", MIT], "MIT"),
        ([APACHE, MIT], NO_LICENSE),
        ([f"License: {'MIT OR ' * 1000}MIT"], NO_LICENSE),
    ],
)
def test_a_license_counts_if_it_is_exactly_one(lines: list[str], license_: str) -> None:
    assert license_of(metadata(*lines)) == license_


def test_unreadable_metadata_has_no_license() -> None:
    assert license_of(b"\xff\xfe") == license_of(b"") == NO_LICENSE


def test_all_other_classifiers_that_mean_a_license_name_its_id() -> None:
    found = {each: license_of(metadata(f"Classifier: {each}")) for each in classifiers if each not in _EXACT}
    assert {license_ for license_ in found.values() if license_ != NO_LICENSE} == {
        *("0BSD", "BSL-1.0", "BlueOak-1.0.0", "CDDL-1.0", "CECILL-2.1", "CECILL-B", "CECILL-C", "ECL-2.0"),
        *("EPL-1.0", "EPL-2.0", "EUPL-1.0", "EUPL-1.1", "EUPL-1.2", "HPND", "MIT-0", "MIT-CMU", "MPL-1.1"),
        *("MPL-2.0", "MirOS", "MulanPSL-2.0", "NASA-1.3", "OFL-1.1", "OSL-3.0", "Unlicense"),
    }


@pytest.mark.parametrize("classifier", _EXACT)
def test_a_classifier_that_is_mapped_exists_and_means_a_license_of_spdx(classifier: str) -> None:
    assert classifier in classifiers or classifier in deprecated_classifiers
    assert canonical(_EXACT[classifier]) == _EXACT[classifier]
