"""The pages that people read and the blocks in them: what is run, what it prints, why others are not.

A block of an executable language is run, or a comment stands before it in the page:

    <!-- not run: why -->              what it would need
    <!-- run by: tests/... -->         the test that runs it, or reads it

A `text` block right after one that is run is what it prints; numbers may be others.
"""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from tests.data import REPOSITORY

PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    *sorted((REPOSITORY / "docs").rglob("*.md")),
    *sorted((REPOSITORY / "deploy").glob("*/README.md")),
]

EXECUTABLE = {"bash", "python", "yaml", "json", "javascript"}
"""Languages of blocks that a reader would use; those of others are shown alone."""
RUN = {"bash", "python"}
"""Those that are run here; the rest needs a mark."""

_BLOCK = re.compile(
    r"^(?P<indent> *)(?:<!-- (?P<mark>not run|run by): (?P<why>.+?) -->\n(?P=indent))?"
    r"```(?P<language>\S*)\n(?P<text>.*?)^(?P=indent)```$(?P<after>\s*)",
    re.M | re.S,
)
_NUMBER = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    language: str
    text: str
    mark: str | None
    """not run, or run by."""
    why: str
    """The reason, or the test."""
    prints: str | None = None
    """What a page shows that it prints."""

    @property
    def is_run(self) -> bool:
        return self.language in RUN and self.mark is None


def blocks(page: Path) -> list[Block]:
    """Those of a page, in its order."""
    found: list[Block] = []
    end = -1
    for match in _BLOCK.finditer(page.read_text()):
        text = textwrap.dedent(match["text"])
        if match["language"] == "text" and match.start() == end and found[-1].is_run:
            found[-1] = Block(found[-1].language, found[-1].text, None, "", text)
        else:
            found.append(Block(match["language"], text, match["mark"], match["why"] or ""))
        end = match.end()
    return found


def says(printed: str) -> str:
    """What was printed, whatever the numbers.

    >>> says("gru 1 [115.9, 114.4]") == says("gru 2 [7, 30.25]")
    True
    """
    return _NUMBER.sub("0", printed).strip()
