from artifacts.image import dated


def sbom(serial: str, time: str, component: str = "a") -> dict[str, object]:
    return {"serialNumber": serial, "metadata": {"timestamp": time, "tools": 1}, "components": [component]}


def test_a_bill_of_materials_depends_on_its_content_alone() -> None:
    one = dated(sbom("urn:uuid:1", "2026-01-01"), 1_700_000_000)
    assert one == dated(sbom("urn:uuid:2", "2026-01-02"), 1_700_000_000)
    assert one["metadata"] == {"timestamp": "2023-11-14T22:13:20+00:00", "tools": 1}
    assert one["serialNumber"] != dated(sbom("urn:uuid:1", "2026-01-01", "b"), 1_700_000_000)["serialNumber"]
