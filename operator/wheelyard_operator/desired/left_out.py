"""What there was no room for in a file of many tenants, as it is written next to that file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True)
class FirstLeftOut:
    """The first entry of each namespace that was left out: it and all after it have no effect."""

    first: Mapping[str, str] = field(default_factory=dict)
    """Sort keys by namespace."""

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Take it from its text. A damaged one counts as absent."""
        try:
            content = json.loads(text or "{}")
        except ValueError:
            return cls()
        return cls({str(key): str(value) for key, value in content.items()} if isinstance(content, dict) else {})

    @property
    def text(self) -> str:
        """The text of it."""
        return json.dumps(self.first, sort_keys=True)
