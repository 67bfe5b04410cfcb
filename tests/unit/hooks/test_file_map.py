"""The file map has every module, with the first line of its docstring."""

import re
from pathlib import Path

import pytest

import file_map


def test_every_module_is_in_the_map() -> None:
    table = file_map.table()
    for package in file_map.PACKAGES:
        for module in (file_map.ROOT / package).rglob("*.py"):
            name = f"#### `{module.parent.relative_to(file_map.ROOT)}/`"
            assert name in table if module.name == "__init__.py" else f"\n| `{module.stem}` | " in table


def test_a_folder_without_modules_has_no_table() -> None:
    assert not re.search(r"^\| ---.*\n(?!\| )", file_map.table(), re.MULTILINE)


@pytest.mark.parametrize("text", ["", "import re\n", '"""What it is for, but not as a sentence"""\n'])
def test_a_module_that_does_not_say_what_it_is_for_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(file_map, "ROOT", tmp_path)
    module = tmp_path / "a.py"
    module.write_text(text)
    with pytest.raises(file_map.UndescribedModuleError, match=r"a\.py: say in the first line"):
        file_map.purpose(module)
