from pathlib import Path

import pytest

from support.noted_calls import parsed
from wheelyard_server.commands import serve as module
from wheelyard_server.errors import InvalidSettingsError

FLAGS = (
    ("--upstream", "pypi"),
    ("--private", "acme-*"),
    ("--file-host", "files.example.com"),
    ("--advisories", "none"),
    ("--policy", "policy.yaml"),
)


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag[0])
def test_with_a_config_a_flag_of_which_the_config_has_the_key_is_refused(
    tmp_path: Path, flag: tuple[str, str]
) -> None:
    arguments = parsed(module, "serve", "--config", str(tmp_path / "index.yaml"), *flag)
    with pytest.raises(InvalidSettingsError, match=f"{flag[0]}.* without --config: index.yaml has"):
        module.run(arguments)
