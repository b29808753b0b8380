"""Compare this generator with its peers, on the same content, in one run.

python benchmarks/peers.py [--rounds 3] [--record]

The content: a post with a hundred paragraphs, and four notebooks that draw an attention map with
plotly and call a module under code/. Each generator is set up as its own guide says:

``ours``            the post embeds the notebooks' maps; each notebook has a page too
``ours, forks``     the same with ``forks``, as the guide has it for notebooks that import the same
``mkdocs-jupyter``  Material for MkDocs, ``execute: true``, its own cache
``myst-nb``         Sphinx, sphinx-book-theme, ``nb_execution_mode = "cache"``
``MyST``            mystmd from npm, where it builds without the internet; else its words are kept

Measured, rounds interleaved, medians kept: builds cold, warm, and after one word of the post; the
page with the map: bytes (text compressed) and requests until it is idle, and the moment when the
map can be seen, in Chromium slowed down to Lighthouse's phone (1.6 Mbit/s, 150 ms, processor four
times slower); and, after a change in code/maps.py and a build, whether the page has the new number.

The peers get plotly as their guides have it without a CDN: its script inside the page.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from audit import serving
from recorded import machine, write_readme
from workbench.browser import find

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "benchmarks/peers"
RECORD = ROOT / "benchmarks/peers.json"
TOOLS = ROOT / ".cache/peers"
NOTEBOOKS = 4
PARAGRAPHS = 100
MYSTMD = "mystmd@1.8.3"

#: A map is there once its picture has been decoded, or plotly has drawn it.
VISIBLE = """() => {
  const still = document.querySelector("figure img.nb-figure__image");
  const drawn = document.querySelector(".js-plotly-plot .hm image");
  return Boolean((still?.complete && still.naturalWidth) || drawn?.getBoundingClientRect().width);
}"""
LIVE = "() => Boolean(document.querySelector('.js-plotly-plot .hm image'))"
CLOCK = "() => performance.now()"


@dataclass(frozen=True)
class Peer:
    """A generator: how its site is written and built, and the page that has the first map."""

    name: str
    write: Callable[[Path], None]
    command: tuple[str, ...]
    site: str
    page: str
    post: str


def paragraphs() -> str:
    sentence = "Attention takes a mean over values, and the weights are what is learned. "
    return "\n\n".join(f"Paragraph {n}. {4 * sentence}" for n in range(1, PARAGRAPHS + 1))


def write_common(folder: Path, notebooks: str, *, renderer: str, show: str) -> list[str]:
    """Write code/maps.py and the notebooks; return the notebooks' names."""
    (folder / "code").mkdir(parents=True)
    shutil.copy(HERE / "maps.py", folder / "code/maps.py")
    target = folder / notebooks
    target.mkdir(parents=True)
    source = (HERE / "notebook.py").read_text().replace("RENDERER", renderer).replace("SHOW", show)
    names = [f"map-{number}" for number in range(1, NOTEBOOKS + 1)]
    for name in names:
        # A line of its own each, so that no cache takes two of them for one.
        (target / f"{name}.py").write_text(f"{source}\n# %%\nname = {name!r}\n")
    return names


def write_ours(folder: Path) -> None:
    names = write_common(
        folder, "docs/notebooks", renderer="plotly_mimetype", show="picture(figure, weights)"
    )
    for name in names:
        path = folder / f"docs/notebooks/{name}.py"
        # A figure here is a still picture and a plot; the peers show the plot alone.
        text = path.read_text().replace(
            "from maps import attention\n",
            "from maps import attention\nfrom still import picture\n",
        )
        path.write_text(text)
    (folder / "code/still.py").write_text(
        "import io\n\nfrom matplotlib.figure import Figure\n\n\n"
        "class picture:\n"
        '    """Shows a matrix as a still picture and as a plot."""\n\n'
        "    def __init__(self, plot, matrix):\n"
        "        self.plot, self.matrix = plot, matrix\n\n"
        "    def _repr_mimebundle_(self, **_):\n"
        "        figure = Figure(figsize=(6.4, 5.6))\n"
        "        figure.subplots().imshow(self.matrix, cmap='viridis')\n"
        "        still = io.StringIO()\n"
        "        figure.savefig(still, format='svg')\n"
        "        return {\n"
        "            'image/svg+xml': still.getvalue(),\n"
        "            'application/vnd.plotly.v1+json': self.plot.to_plotly_json(),\n"
        "        }\n"
    )
    embeds = "\n\n".join(
        f"![A map: bright along the diagonal.](notebooks/{name}.py#heatmap)\n\n"
        f"It has ![](notebooks/{name}.py#number)."
        for name in names
    )
    (folder / "docs/post.md").write_text(f"# A post\n\nOne word.\n\n{embeds}\n\n{paragraphs()}\n")
    (folder / "docs/index.md").write_text("# Home\n\n[The post](post.md)\n")
    (folder / "requirements.txt").write_text("")
    (folder / "mkdocs.yml").write_text(
        "site_name: Peers\nuse_directory_urls: false\n"
        "theme: {name: material, font: false}\n"
        "plugins:\n  - notebook-embed\n  - search\n"
        "markdown_extensions: [attr_list, md_in_html, pymdownx.superfences, pymdownx.highlight]\n"
    )


def write_forked(folder: Path) -> None:
    write_ours(folder)
    config = (folder / "mkdocs.yml").read_text("utf-8")
    config = config.replace("- notebook-embed\n", "- notebook-embed: {forks: true}\n", 1)
    (folder / "mkdocs.yml").write_text(config, "utf-8")


def write_linking_post(folder: Path) -> list[str]:
    """Write the notebooks and a post that links to them; return the notebooks' names."""
    names = write_common(folder, "docs/notebooks", renderer="notebook", show="figure.show()")
    links = "\n".join(f"- [{name}](notebooks/{name}.py)" for name in names)
    (folder / "docs/post.md").write_text(f"# A post\n\nOne word.\n\n{links}\n\n{paragraphs()}\n")
    return names


def write_jupyter(folder: Path) -> None:
    write_linking_post(folder)
    (folder / "docs/index.md").write_text("# Home\n\n[The post](post.md)\n")
    (folder / "mkdocs.yml").write_text(
        "site_name: Peers\nuse_directory_urls: false\n"
        "theme: {name: material, font: false}\n"
        "plugins:\n  - mkdocs-jupyter: {include: ['*.py'], execute: true, cache: true}\n"
        "  - search\n"
    )


def write_sphinx(folder: Path) -> None:
    names = write_linking_post(folder)
    contents = "\n".join(["post", *(f"notebooks/{name}" for name in names)])
    (folder / "docs/index.md").write_text(f"# Home\n\n```{{toctree}}\n{contents}\n```\n")
    (folder / "docs/conf.py").write_text(
        'project = "Peers"\nextensions = ["myst_nb"]\nhtml_theme = "sphinx_book_theme"\n'
        'nb_execution_mode = "cache"\nnb_execution_raise_on_error = True\n'
        'nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}\n'
        # Below the folder that it is built in: one for all rounds would make every build warm.
        'nb_execution_cache_path = ".jupyter_cache"\nexclude_patterns = ["conf.py"]\n'
    )


def peers() -> list[Peer]:
    python, sphinx = sys.executable, str(TOOLS / "venv/bin/python")
    mkdocs = (python, "-m", "mkdocs", "build", "--quiet")
    ours = (python, "-m", "notebook_embed", "build")
    return [
        Peer("ours", write_ours, ours, "site", "post.html", "docs/post.md"),
        Peer("ours, forks", write_forked, ours, "site", "post.html", "docs/post.md"),
        Peer("mkdocs-jupyter", write_jupyter, mkdocs, "site", "notebooks/map-1.html",
             "docs/post.md"),
        Peer("myst-nb", write_sphinx,
             (sphinx, "-m", "sphinx", "-q", "-b", "html", "docs", "site"), "site",
             "notebooks/map-1.html", "docs/post.md"),
    ]  # fmt: skip


def install() -> None:
    """Set up the peers' environment once for each list of versions, and a kernel for it: ours."""
    wanted, kept = HERE / "requirements.txt", TOOLS / "requirements.txt"
    if not (kept.exists() and kept.read_bytes() == wanted.read_bytes()):
        shutil.rmtree(TOOLS, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", TOOLS / "venv"], check=True)
        pip: list[str | Path] = [TOOLS / "venv/bin/python", "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "--disable-pip-version-check", "-r", wanted], check=True)
        shutil.copy(wanted, kept)
    kernel = TOOLS / "jupyter/kernels/python3/kernel.json"
    kernel.parent.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"}))


def build(peer: Peer, folder: Path) -> float:
    """Build a site; give the seconds that it took."""
    environment = os.environ | {
        "PYTHONPATH": str(folder / "code"),
        "JUPYTER_PATH": str(TOOLS / "jupyter"),
        "NO_MKDOCS_2_WARNING": "1",
    }
    start = time.perf_counter()
    run = subprocess.run(peer.command, cwd=folder, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if run.returncode:
        sys.exit(f"{peer.name}: the build failed\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    return seconds


def look(browser: Browser, origin: str, page: str) -> dict[str, float]:
    """Open the page on a slow phone; say when the map was seen, and what came over the wire."""
    tab = browser.new_page(viewport={"width": 412, "height": 823})
    tab.set_default_timeout(180_000)
    wire = tab.context.new_cdp_session(tab)
    received: list[float] = []
    wire.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    wire.send("Network.enable")
    wire.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8,
         "uploadThroughput": 0.75e6 / 8},
    )  # fmt: skip
    wire.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    tab.goto(origin + page, wait_until="commit")
    tab.wait_for_function(VISIBLE, polling="raf")
    seen = tab.evaluate(CLOCK)
    tab.wait_for_load_state("networkidle")
    quiet, requests = sum(received), len(received)
    asked = tab.evaluate(CLOCK)
    tab.mouse.move(100, 200)
    tab.mouse.move(110, 210)
    tab.wait_for_function(LIVE, polling="raf")
    live = tab.evaluate(CLOCK) - asked
    tab.close()
    return {"visible_ms": seen, "bytes": quiet, "requests": requests, "interactive_ms": live}


def notices(peer: Peer, folder: Path) -> bool:
    """Change the module that the notebooks call; build; tell whether the page shows it."""
    page = folder / peer.site / peer.page
    module = folder / "code/maps.py"

    def said() -> str:
        text = page.read_text("utf-8")
        return text[text.index("mean 0.") :][:40]

    before = said()
    module.write_text(module.read_text().replace("SHARPNESS = 1.0", "SHARPNESS = 2.0"))
    build(peer, folder)
    return said() != before


def try_mystmd(folder: Path) -> dict[str, Any]:
    """Try MyST's own builder, which fetches its theme when it first runs."""
    if not shutil.which("npx"):
        return {"builds": False, "says": "npx is not installed"}
    write_common(folder, "notebooks", renderer="notebook", show="figure.show()")
    (folder / "index.md").write_text(f"# A post\n\n{paragraphs()}\n")
    (folder / "myst.yml").write_text("version: 1\nproject: {}\nsite: {template: book-theme}\n")
    command = ["npx", "--yes", MYSTMD, "build", "--html"]
    try:
        run = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=180,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return {"builds": False, "says": "nothing for three minutes"}
    said = [line.strip() for line in (run.stdout + run.stderr).splitlines() if line.strip()]
    trouble = [line for line in said if "rror" in line or "⛔" in line or "fail" in line]
    return {"builds": run.returncode == 0, "says": (trouble or said or [""])[0][:200]}


def measure(rounds: int, work: Path) -> dict[str, Any]:
    listed = peers()
    found: dict[str, dict[str, list[float]]] = {peer.name: {} for peer in listed}
    stale: dict[str, bool] = {}
    written: set[Path] = set()

    def note(peer: Peer, **values: float) -> None:
        for name, value in values.items():
            found[peer.name].setdefault(name, []).append(round(value, 3))

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=["--no-sandbox"])
        for number in range(rounds):
            for peer in listed:
                folder = work / f"{peer.name}-{number}"
                folder.mkdir()
                peer.write(folder)
                note(peer, cold_s=build(peer, folder))
                written.add(folder)
                if shared := set(work.iterdir()) - written:
                    sys.exit(f"{peer.name} left {shared} for the next round, which is to be cold")
            for peer in listed:
                folder = work / f"{peer.name}-{number}"
                note(peer, warm_s=build(peer, folder))
                post = folder / peer.post
                post.write_text(post.read_text().replace("One word", "Another word"))
                note(peer, edit_s=build(peer, folder))
                with serving(folder / peer.site) as origin:
                    note(peer, **look(browser, origin, peer.page))
                if number == 0:
                    stale[peer.name] = notices(peer, folder)
            print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        browser.close()
    medians = {
        name: {key: statistics.median(values) for key, values in figures.items()}
        for name, figures in found.items()
    }
    (work / "mystmd").mkdir()
    return {
        "medians": medians,
        "all": found,
        "notices_changed_code": stale,
        "mystmd": try_mystmd(work / "mystmd"),
    }


def table(record: dict[str, Any]) -> str:
    """Return a recorded run as the README shows it."""
    names = list(record["medians"])
    rows: list[tuple[str, Callable[[dict[str, float]], str]]] = [
        ("cold build, four notebooks, s", lambda m: f"{m['cold_s']:.1f}"),
        ("warm build, s", lambda m: f"{m['warm_s']:.1f}"),
        ("one word changed, s", lambda m: f"{m['edit_s']:.1f}"),
        ("page with the first map, kB", lambda m: f"{m['bytes'] / 1000:,.0f}"),
        ("its requests", lambda m: f"{m['requests']:.0f}"),
        ("map visible on a slow phone, s", lambda m: f"{m['visible_ms'] / 1000:.1f}"),
        (
            "from there to a plot that answers, s",
            lambda m: (
                "at once" if m["interactive_ms"] < 500 else f"{m['interactive_ms'] / 1000:.1f}"
            ),
        ),
    ]  # fmt: skip
    lines = [f"| | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for title, show in rows:
        cells = " | ".join(show(record["medians"][name]) for name in names)
        lines.append(f"| {title} | {cells} |")
    noticed = record["notices_changed_code"]
    cells = " | ".join("yes" if noticed[name] else "**no**" for name in names)
    lines.append(f"| new number after a change in `code/` | {cells} |")
    if not record["mystmd"]["builds"]:
        lines += ["", f"MyST's own builder does not build offline: `{record['mystmd']['says']}`."]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare this generator with its peers.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--record", action="store_true", help="keep it, and show it in README.md")
    options = parser.parse_args()
    install()
    with tempfile.TemporaryDirectory() as work:
        record = {
            "command": f"python benchmarks/peers.py --rounds {options.rounds} --record",
            "machine": machine(),
            **measure(options.rounds, Path(work)),
        }
    print(table(record))
    if options.record:
        RECORD.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
        write_readme("peers", table(record))


if __name__ == "__main__":
    main()
