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
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from blog_site.errors import SiteError

__all__ = ["COMPILER", "KERNEL", "KERNELS", "PACKAGES", "Package", "compile_kernels", "vendor"]

ROOT = Path(__file__).resolve().parents[2]
SITE = Path("assets/theme/assets/site")
RECORD = Path("assets/vendored.json")
GENERATOR = Path("code/notebook_embed/static")  # a package of its own, which brings its licences
LIVE = Path("code/notebook_embed/live")
#: Makes one module of several packages.
BUNDLER = "esbuild@0.28.2"
#: Compiles the inner loops of the live model; the bytes that it makes are committed.
COMPILER = "assemblyscript@0.28.20"
KERNEL = Path("assets/live/kernel.ts")
#: What it is compiled to, with the compiler's features: the second is for browsers that can fuse.
KERNELS = {
    Path("assets/theme/assets/live/kernel.wasm"): ("simd",),
    Path("assets/theme/assets/live/kernel-fused.wasm"): ("simd", "relaxed-simd"),
}


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


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """What a page needs of several npm packages as one module, `target`.

    `entry` is JavaScript that exports it. Licences of all that is inside stand beside it.
    """

    packages: tuple[str, ...]  # the first one gives name and version
    why: str
    licence: str
    entry: str
    target: Path


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
    Package(
        name="@fortawesome/fontawesome-free",
        version="5.15.4",
        why="icons on controls of Jupyter, in the version that their own page manager asks for",
        licence="CC-BY-4.0 AND OFL-1.1 AND MIT",
        licence_file="LICENSE.txt",
        licence_text=LIVE / "widgets.icons.LICENSE.txt",
        files={
            "css/fontawesome.min.css": LIVE / "widgets.icons.min.css",
            "css/v4-shims.min.css": LIVE / "widgets.icons-v4.min.css",
            "webfonts/fa-solid-900.woff2": LIVE / "widgets.icons-900.woff2",
            "webfonts/fa-regular-400.woff2": LIVE / "widgets.icons-400.woff2",
        },
    ),
)

BUNDLES = (
    Bundle(
        packages=("vega@6.4.0", "vega-lite@6.5.0", "vega-interpreter@2.3.2", "vega-tooltip@1.1.0"),
        why="draws charts by Altair, without code out of text",
        licence="BSD-3-Clause",
        entry="""
            export { parse, View, loader } from "vega";
            export { compile } from "vega-lite";
            export { expressionInterpreter } from "vega-interpreter";
            export { Handler } from "vega-tooltip";
        """,
        target=LIVE / "vega.min.js",
    ),
    Bundle(
        packages=("@jupyter-widgets/html-manager@1.0.15",),
        why="draws controls of Jupyter from their stored state",
        licence="BSD-3-Clause",
        entry="""
            import "@lumino/widgets/style/index.css";
            export { HTMLManager } from "@jupyter-widgets/html-manager/lib/htmlmanager";
        """,
        target=LIVE / "widgets.min.js",
    ),
)


def vendor(root: Path = ROOT) -> None:
    """Install the packages in a temporary folder and copy their files below `root`.

    Raises
    ------
    SiteError : a package lacks a file that is to come from it.
    """
    with tempfile.TemporaryDirectory() as folder:
        wanted = [f"{package.name}@{package.version}" for package in PACKAGES]
        wanted += [name for bundle in BUNDLES for name in bundle.packages] + [COMPILER, BUNDLER]
        subprocess.run(
            ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", *wanted],
            cwd=folder,
            check=True,
        )
        modules = Path(folder) / "node_modules"
        record = [_copy(package, modules / package.name, root) for package in PACKAGES]
        record += [_bundle(bundle, Path(folder), root) for bundle in BUNDLES]
        compile_kernels(root, modules=modules)
    text = json.dumps(record, indent=2, ensure_ascii=False)
    (root / RECORD).write_text(text + "\n", encoding="utf-8")


def compile_kernels(target: Path, *, modules: Path) -> None:
    """Compile the kernel's source below `target`, with the compiler among the installed `modules`.

    Raises
    ------
    subprocess.CalledProcessError
        When the source has a mistake; the compiler has said which.
    """
    options = ["-O3", "--runtime", "stub", "--use", "abort=", "--noAssert"]
    compiler = modules / ".bin" / "asc"
    for kernel, features in KERNELS.items():
        enabled = [word for feature in features for word in ("--enable", feature)]
        output = target / kernel
        output.parent.mkdir(parents=True, exist_ok=True)
        command: list[str | Path] = [compiler, ROOT / KERNEL, "--outFile", output]
        subprocess.run([*command, *options, *enabled], check=True)


def _bundle(bundle: Bundle, folder: Path, root: Path) -> dict[str, object]:
    (folder / "entry.js").write_text(bundle.entry, encoding="utf-8")
    target = root / bundle.target
    target.parent.mkdir(parents=True, exist_ok=True)
    options = ["--bundle", "--minify", "--format=esm", "--legal-comments=none"]
    options += ["--loader:.svg=dataurl", "--metafile=inside.json", f"--outfile={target}"]
    bundler = folder / "node_modules" / ".bin" / "esbuild"
    subprocess.run([bundler, "entry.js", *options], cwd=folder, check=True)
    inside = json.loads((folder / "inside.json").read_text("utf-8"))["inputs"]
    names = {
        found[1]
        for path in inside
        if (found := re.match(r"node_modules/((?:@[^/]+/)?[^/]+)/", path))
    }
    licences = target.with_name(target.name.replace(".min.js", ".LICENSE.txt"))
    texts = [_licence_of(folder / "node_modules" / name) for name in sorted(names)]
    licences.write_text("\n\n".join(texts) + "\n", encoding="utf-8")
    name, _, version = bundle.packages[0].rpartition("@")
    made = [path for path in (target, target.with_suffix(".css")) if path.exists()]
    return {
        "name": name,
        "version": version,
        "from": f"https://www.npmjs.com/package/{name}/v/{version}",
        "why": bundle.why,
        "licence": bundle.licence,
        "licence_text": licences.relative_to(root).as_posix(),
        "sha256": {
            path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in made
        },
    }


def _licence_of(package: Path) -> str:
    """Return a package's name, version and licence, in full where it brings the text."""
    about = json.loads((package / "package.json").read_text("utf-8"))
    files = [path for path in package.iterdir() if re.match(r"licen[cs]e", path.name, re.I)]
    texts = [path.read_text("utf-8").strip() for path in sorted(files) if path.is_file()]
    head = f"{about['name']} {about['version']}, {about.get('license', 'licence not named')}"
    return "\n\n".join([head, "=" * len(head), *texts])


def _copy(package: Package, source: Path, root: Path) -> dict[str, object]:
    hashes: dict[str, str] = {}
    for pattern, target in package.files.items():
        found = sorted(source.glob(pattern))
        if not found:
            raise SiteError(
                f"{package.name}@{package.version} has no file '{pattern}'; name what took its "
                f"place in PACKAGES, or remove {target} with it",
                file=__file__,
            )
        for file in found:
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
    if not (source / package.licence_file).is_file():
        raise SiteError(
            f"{package.name}@{package.version} has no file '{package.licence_file}'; name the one "
            "with its licence in PACKAGES",
            file=__file__,
        )
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


def main() -> None:
    try:
        vendor()
    except SiteError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
