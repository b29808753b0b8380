"""Fetch the site's fonts and scripts from npm and write them where the site takes them.

Run ``python -m blog_site.vendor`` where npm exists; the results are committed, so that building the
site needs neither npm nor a network. ``assets/vendored.json`` records what came from where.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["COMPILER", "KERNEL", "PACKAGES", "Package", "compile_kernel", "vendor"]

ROOT = Path(__file__).resolve().parents[2]
SITE = Path("assets/theme/assets/site")
RECORD = Path("assets/vendored.json")
GENERATOR = Path("code/notebook_embed/static")  # a package of its own, which brings its licences
#: Compiles the inner loops of the live model; the bytes that it makes are committed.
COMPILER = "assemblyscript@0.28.20"
KERNEL = (Path("assets/live/kernel.ts"), Path("assets/theme/assets/live/kernel.wasm"))


@dataclass(frozen=True, kw_only=True)
class Package:
    """One npm package and the files taken from it, as {path in the package: path here}."""

    name: str
    version: str
    why: str
    licence: str  # SPDX
    licence_file: str
    licence_text: Path | None = None  # where it goes, if not to the site's own
    files: dict[str, Path] = field(default_factory=dict)


def _font(name: str, version: str, why: str, *files: str) -> Package:
    return Package(
        name=f"@fontsource-variable/{name}",
        version=version,
        why=why,
        licence="OFL-1.1",
        licence_file="LICENSE",
        files={f"files/{file}": SITE / "fonts" / file for file in files},
    )


PACKAGES = (
    _font(
        "source-serif-4",
        "5.3.1",
        "running text (latin)",
        "source-serif-4-latin-wght-normal.woff2",
        "source-serif-4-latin-wght-italic.woff2",
    ),
    _font("inter", "5.3.0", "headings and interface (latin)", "inter-latin-wght-normal.woff2"),
    _font("jetbrains-mono", "5.3.0", "code (latin)", "jetbrains-mono-latin-wght-normal.woff2"),
    Package(
        name="katex",
        version="0.19.1",
        why="sets the mathematics while the site is built; readers get the style sheet and fonts",
        licence="MIT",
        licence_file="LICENSE",
        files={
            "dist/katex.min.js": Path("code/blog_site/vendored/katex.min.js"),
            "dist/katex-swap.min.css": SITE / "katex/katex.min.css",
            "dist/fonts/*.woff2": SITE / "katex/fonts",
        },
    ),
    Package(
        name="plotly.js-cartesian-dist-min",
        version="4.1.1",
        why="draws the interactive figures; the version that plotly.py 7.1.0 carries",
        licence="MIT",
        licence_file="LICENSE",
        licence_text=GENERATOR / "plotly-cartesian.LICENSE.txt",
        files={"plotly-cartesian.min.js": GENERATOR / "plotly-cartesian.min.js"},
    ),
)


def vendor(root: Path = ROOT) -> None:
    """Install the packages in a temporary folder and copy their files below `root`."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = [f"{package.name}@{package.version}" for package in PACKAGES] + [COMPILER]
        subprocess.run(
            ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", *wanted],
            cwd=folder,
            check=True,
        )
        modules = Path(folder) / "node_modules"
        record = [_copy(package, modules / package.name, root) for package in PACKAGES]
        compile_kernel(root / KERNEL[0], root / KERNEL[1], modules=modules)
    text = json.dumps(record, indent=2, ensure_ascii=False)
    (root / RECORD).write_text(text + "\n", encoding="utf-8")


def compile_kernel(source: Path, target: Path, *, modules: Path) -> None:
    """Compile AssemblyScript to WebAssembly with the compiler among the installed `modules`.

    Raises
    ------
    subprocess.CalledProcessError
        When the source has a mistake; the compiler has said which.
    """
    options = ["-O3", "--runtime", "stub", "--enable", "simd", "--use", "abort=", "--noAssert"]
    compiler = modules / ".bin" / "asc"
    subprocess.run([compiler, source, "--outFile", target, *options], check=True)


def _copy(package: Package, source: Path, root: Path) -> dict[str, object]:
    hashes: dict[str, str] = {}
    for pattern, target in package.files.items():
        for file in sorted(source.glob(pattern)):
            here = root / (target / file.name if "*" in pattern else target)
            here.parent.mkdir(parents=True, exist_ok=True)
            if file.suffix == ".css":
                here.write_text(_only_woff2(file.read_text(encoding="utf-8")), encoding="utf-8")
            else:
                shutil.copyfile(file, here)
            digest = hashlib.sha256(here.read_bytes()).hexdigest()
            hashes[here.relative_to(root).as_posix()] = digest
    licence = package.licence_text or SITE / "licences" / f"{package.name.split('/')[-1]}.txt"
    (root / licence).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / package.licence_file, root / licence)
    return {
        "name": package.name,
        "version": package.version,
        "from": f"https://www.npmjs.com/package/{package.name}/v/{package.version}",
        "why": package.why,
        "licence": package.licence,
        "licence_text": licence.as_posix(),
        "sha256": hashes,
    }


def _only_woff2(css: str) -> str:
    """Drop the older font formats, which no browser that runs this site asks for."""
    return re.sub(r",url\([^)]*\.(?:woff|ttf)\)\s*format\(\"[^\"]*\"\)", "", css)


if __name__ == "__main__":
    vendor()
