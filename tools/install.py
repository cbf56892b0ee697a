"""Install a locked requirements file with pip, and show how far it is. Standard library only.

Usage: python tools/install.py REQUIREMENTS.txt [--no-deps]
"""

import re
import subprocess
import sys
from pathlib import Path

WIDTH = 30


def main(requirements: Path, *options: str) -> int:
    total = len(re.findall(r"^[A-Za-z0-9]\S*==", requirements.read_text(), re.MULTILINE))
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--require-hashes"]
    pip = subprocess.Popen(
        [*command, *options, "--progress-bar", "off", "-r", str(requirements)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert pip.stdout is not None
    lines: list[str] = []
    done = 0
    for line in pip.stdout:
        lines.append(line)
        if match := re.match(r"(?:Collecting|Requirement already satisfied:) ([A-Za-z0-9._-]+)", line):
            done += 1
            show(min(done, total), total, match[1])
        elif line.startswith("Installing collected packages"):
            show(total, total, "unpacking")
    if sys.stdout.isatty():
        print()
    if code := pip.wait():
        print("".join(lines[-40:]), file=sys.stderr)
        print(f"pip could not install {requirements}; its last lines are above.", file=sys.stderr)
    return code


def show(done: int, total: int, what: str) -> None:
    """A bar on a terminal, nothing on a pipe."""
    if sys.stdout.isatty():
        bar = ("#" * (WIDTH * done // total)).ljust(WIDTH, ".")
        print(f"\r  [{bar}] {done}/{total} {what:<30.30}", end="", flush=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
