"""Draw the README's picture from the real thing: run the demo in an empty home and keep what it said as SVG.

.venv/bin/python docs/pictures/draw.py
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
WIDTH = 118


def demo() -> str:
    """What `kobosift demo` says in an empty home."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {**os.environ, "KOBOSIFT_HOME": f"{folder}/home", "COLUMNS": str(WIDTH)}
        command = [str(Path(sys.executable).with_name("kobosift")), "demo"]
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder, env=settings).stdout  # noqa: S603


def worth_showing(said: str) -> list[str]:
    """The funnel, how right it was, and the explained payment."""
    begins = said.index(next(line for line in said.splitlines() if re.match("organization +environment", line)))
    funnel, *examples = said[begins:].split("\n--- ")
    told = [line for line in examples[0].rstrip().splitlines()[1:] if not re.search(r" (yes|no)$", line)]
    return [
        "$ kobosift demo",
        "...",
        *funnel.rstrip().splitlines(),
        "",
        "$ kobosift explain " + told[0].split()[1],
        *told,
    ]


def draw(lines: list[str], out: Path) -> None:
    """Keep the lines as a picture of a terminal."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    for line in lines:
        text = Text(line, no_wrap=False)
        text.stylize("bold", 0, len(line) if line.startswith("$ ") else 0)
        text.highlight_regex(r"ELIGIBLE|drafted|matched", "bold green")
        text.highlight_regex(r"REJECTED|rejected", "bold red")
        text.highlight_regex(r"\bheld\b", "yellow")
        text.highlight_regex(r"[Bb]ecause .*|Nearest miss.*|Kept back.*|Expect .*", "cyan")
        console.print(text)
    svg = console.export_svg(title="kobosift")
    # The picture must not fetch a font from anywhere: the reader's own monospace does.
    out.write_text(re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    draw(worth_showing(demo()), HERE / "demo.svg")
