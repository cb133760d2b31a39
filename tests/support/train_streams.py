"""Text streams that say whether they are a terminal."""

from __future__ import annotations

import io


class Stream(io.StringIO):
    """Collects text; a terminal if so asked."""

    def __init__(self, terminal: bool = False) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        """What Console asks."""
        return self.terminal
