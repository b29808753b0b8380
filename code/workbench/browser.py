"""Find a browser for tests and benchmarks: on the PATH, Playwright's own, or Debian's package.

``python -m workbench.browser`` gets one where it can and ends with one line where it cannot.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
HINT = (
    "The tests need a browser and none was found or could be had. Install Chromium "
    "(Debian: apt-get install chromium; elsewhere: python -m playwright install chromium)."
)


def installed() -> str | None:
    """Return the path of a browser that is there, or None."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def find() -> str:
    """Return the path of a browser, getting one where there is none; exit where none can be had."""
    if path := installed():
        return path
    attempts = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        attempts.append(
            [
                "sh",
                "-c",
                "apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium",
            ]
        )
    for command in attempts:
        print("No browser yet, trying:", " ".join(command), file=sys.stderr)
        try:
            subprocess.run(command, check=True, timeout=600, stdout=subprocess.DEVNULL)
        except (OSError, subprocess.SubprocessError):
            continue
        if path := installed():
            return path
    sys.exit(HINT)


if __name__ == "__main__":
    print("Browser:", find())
