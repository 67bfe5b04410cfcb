"""The configuration files under `config/`, with this run's paths and addresses filled in."""

from pathlib import Path
from string import Template

from .paths import HERE


def render(name: str, target: Path, **values: object) -> Path:
    """Fill in the `$NAME`s of a template and write the result; an unknown name is an error."""
    template = Template((HERE / "config" / name).read_text())
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(template.substitute({key: str(value) for key, value in values.items()}))
    return target
