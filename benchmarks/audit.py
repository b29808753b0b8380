"""Lighthouse over every page of the built site, as phone and desktop, and the weight of each page.

python benchmarks/audit.py [--only "posts/*"] [--record]      after make site; needs Node and npm

A small server on this machine compresses text, as hosts do. Every page must reach the scores of
LEAST, weigh at most WEIGHT before the reader has done anything and move no more than SHIFT as it
loads; the command fails where one does not. Performance depends on the machine: Lighthouse slows
the processor down fourfold for its phone, so leave the machine to it. One run of a page differs
from the next by several points, and a machine that others share has slow minutes, so a page that
falls short is measured twice more, when all others are through, and the run with the median
performance counts. With --record the figures go to benchmarks/audit.json and into the README.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from itertools import product
from pathlib import Path
from typing import Any

from recorded import write_readme
from workbench.browser import find

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "site"
RECORD = ROOT / "benchmarks/audit.json"
NEEDS = ROOT / "benchmarks/audit"
TOOLS = ROOT / ".cache/audit"

FORMS: dict[str, list[str]] = {"phone": [], "desktop": ["--preset=desktop"]}
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
_LEAST = {"performance": 95, "accessibility": 100, "best-practices": 95, "seo": 95}
LEAST = {"phone": _LEAST, "desktop": _LEAST | {"performance": 100}}
#: How far what is seen may move as a page loads, in Lighthouse's own measure.
SHIFT = 0.05
#: Bytes before interaction: of posts, and of all other pages.
WEIGHT = {"posts/*": 1_200_000, "*": 1_000_000}
#: Not a page that anybody is led to, and marked so for search engines.
LEFT_OUT = ("404.html",)
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, text compressed."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        kind, content = self.guess_type(path), path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        if kind.startswith("text/") or kind.endswith(("javascript", "json", "xml")):
            content = _compressed(content)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class Server(http.server.ThreadingHTTPServer):
    """Serves a browser that hangs up as it likes."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@functools.cache
def _compressed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve `folder` while the block lasts; give the address."""
    handler = functools.partial(Handler, directory=str(folder))
    with Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def install() -> Path:
    """Install Lighthouse into the cache, once for each version; give its program."""
    program = TOOLS / "node_modules/.bin/lighthouse"
    lock = NEEDS / "package-lock.json"
    kept = TOOLS / lock.name
    if not (program.exists() and kept.exists() and kept.read_bytes() == lock.read_bytes()):
        if not shutil.which("npm"):
            sys.exit("The audit needs Node and npm: apt-get install nodejs npm")
        TOOLS.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(NEEDS / "package.json", TOOLS / "package.json")
        shutil.copyfile(lock, kept)
        print("Installing Lighthouse (once) ...", flush=True)
        # Not `npm ci`: it refuses every lock of a package that depends on another's latest version.
        command = ["npm", "install", "--no-save", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(command, cwd=TOOLS, check=True)
    return program


def audit(program: Path, address: str, form: str, browser: str) -> dict[str, Any]:
    """Measure one page; give its scores, weight and the moments that its performance rests on."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [str(program), address, *FORMS[form], "--output=json", f"--output-path={report}"]
        command += ["--quiet", f"--chrome-flags={FLAGS}"]
        environment = {**os.environ, "CHROME_PATH": browser}
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        found = json.loads(report.read_text())
    if trouble := found.get("runtimeError"):
        sys.exit(f"{address}: {trouble['message']}")
    audits = found["audits"]
    return {
        "scores": {name: round(100 * found["categories"][name]["score"]) for name in CATEGORIES},
        "bytes": round(audits["total-byte-weight"]["numericValue"]),
        "requests": len(audits["network-requests"]["details"]["items"]),
        "first_paint_ms": round(audits["first-contentful-paint"]["numericValue"]),
        "largest_paint_ms": round(audits["largest-contentful-paint"]["numericValue"]),
        "blocking_ms": round(audits["total-blocking-time"]["numericValue"]),
        "layout_shift": round(audits["cumulative-layout-shift"]["numericValue"], 4),
        "short_of_the_best": sorted(
            reference["id"]
            for name in CATEGORIES[1:]
            for reference in found["categories"][name]["auditRefs"]
            if reference["weight"] and (audits[reference["id"]]["score"] or 0) < 1
            and audits[reference["id"]]["scoreDisplayMode"] in ("binary", "numeric")
        ),
    }  # fmt: skip


def middle(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the run with the median performance, and the performance of all."""
    runs = sorted(runs, key=lambda run: run["scores"]["performance"])
    return runs[len(runs) // 2] | {"runs": [run["scores"]["performance"] for run in runs]}


def shortcomings(page: str, form: str, found: dict[str, Any]) -> list[str]:
    """Say where a page misses its scores or its weight."""
    troubles = [
        f"{page}, {form}: {name} {found['scores'][name]}, at least {least} is asked"
        for name, least in LEAST[form].items()
        if found["scores"][name] < least
    ]
    if found["layout_shift"] > SHIFT:
        troubles.append(
            f"{page}, {form}: moves by {found['layout_shift']}, at most {SHIFT} is allowed"
        )
    most = next(weight for pattern, weight in WEIGHT.items() if fnmatch(page, pattern))
    if found["bytes"] > most:
        troubles.append(f"{page}, {form}: {found['bytes']:,} bytes, at most {most:,} are allowed")
    return troubles


def table(record: dict[str, Any]) -> str:
    """Return a recorded run as the README shows it."""
    pages = record["pages"]
    lines = [
        "| lowest of all pages | " + " | ".join(CATEGORIES) + " | kB, largest |",
        "|---|" + "---|" * (len(CATEGORIES) + 1),
    ]
    for form in FORMS:
        found = {page: forms[form] for page, forms in pages.items()}
        least = [min(f["scores"][name] for f in found.values()) for name in CATEGORIES]
        most = max(f["bytes"] for f in found.values()) / 1000
        lines.append(f"| {form} | {' | '.join(map(str, least))} | {most:.0f} |")
    for page, forms in pages.items():
        for form, found in forms.items():
            lines += [f"\n- {trouble}" for trouble in shortcomings(page, form, found)]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="Audit the built site with Lighthouse.")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="pages, with * and ?")
    parser.add_argument("--record", action="store_true", help=f"write {RECORD.name}")
    chosen = parser.parse_args()
    pages = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))
    pages = [page for page in pages if fnmatch(page, chosen.only) and page not in LEFT_OUT]
    if not pages:
        sys.exit(f"no page of site/ is called {chosen.only}; run make site first")
    program, browser = install(), find()
    runs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    print(f"{'page':44}{'form':9}" + "".join(f"{name:>16}" for name in CATEGORIES) + "       kB")

    def measure(origin: str, page: str, form: str) -> None:
        found = audit(program, origin + page, form, browser)
        runs.setdefault((page, form), []).append(found)
        scores = "".join(f"{found['scores'][name]:>16}" for name in CATEGORIES)
        print(f"{page:44}{form:9}{scores}{found['bytes'] / 1000:9.0f}", flush=True)

    with serving(SITE) as origin:
        for page, form in product(pages, FORMS):
            measure(origin, page, form)
        short = [key for key, (first,) in runs.items() if shortcomings(*key, first)]
        for page, form in short * 2:
            measure(origin, page, form)
    results: dict[str, dict[str, Any]] = {}
    troubles: list[str] = []
    for (page, form), those in runs.items():
        found = results.setdefault(page, {})[form] = middle(those)
        troubles += shortcomings(page, form, found)
    if chosen.record:
        command = "python benchmarks/audit.py --record"
        if RECORD.exists() and chosen.only != "*":  # what was not measured now stays
            results = json.loads(RECORD.read_text("utf-8"))["pages"] | results
        content = {
            "command": command,
            "least": LEAST,
            "weight": WEIGHT,
            "shift": SHIFT,
            "pages": results,
        }
        RECORD.write_text(json.dumps(content, indent=1) + "\n")
        write_readme("audit", table(content))
    for trouble in troubles:
        print("short:", trouble)
    return 1 if troubles else 0


if __name__ == "__main__":
    raise SystemExit(main())
