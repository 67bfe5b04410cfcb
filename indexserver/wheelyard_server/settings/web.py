"""The settings of the pages for people."""

from pathlib import Path

from wheelyard_server.settings.part import SettingsPart

SESSIONS_FILE = "sessions.yaml"


class WebSettings(SettingsPart, frozen=True):
    """The pages for people: search, projects, and logins by form."""

    enabled: bool = True
    """Whether there are any."""
    images: bool = False
    """Whether a README shows its images, which browsers then load from other sites; else they are links."""
    sessions_file: Path | None = None
    """The file with the keys of sessions; None: `sessions.yaml` next to the access file.

    Without such a file, pages have no logins. See `Settings.sessions_file`.
    """
