"""The live model in a browser, beside ONNX Runtime Web and TensorFlow.js, on the same image.

python benchmarks/live.py [--rounds 15] [--record]

Needs npm: the two runtimes, and what exports the model for the first, are installed into a folder
that goes again. All run on one thread of one Chromium, in turn within a round, so that a busy
moment of the machine meets all of them; milliseconds are the thread's own processor time, the
median over rounds. Every runtime's painting is first compared with torch's, on the same weights.

The page itself is measured too. A shape is dragged, a step a frame: the longest task on the page's
thread, the time from a key to its pixels and the bytes after the reader's first touch are noted.
These are seconds of the clock: on a machine that others share they are upper limits.

`--record` writes benchmarks/live.json and the table in README.md.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import http.server
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import torch
from playwright.sync_api import CDPSession, Page, sync_playwright

from recorded import machine, write_readme
from shapes_of_attention.data import IMAGE_TEST_SEED, make_shapes
from shapes_of_attention.training.checkpoint import load_model
from workbench.browser import find
from workbench.live_page import FLAGSHIP, furnish

HERE = Path(__file__).parent
RECORD = HERE / "live.json"
PEERS = (
    "onnxruntime-web@1.30.0",
    "@tensorflow/tfjs-core@4.22.0",
    "@tensorflow/tfjs-backend-wasm@4.22.0",
)
EXPORTERS = ("onnx==1.23.2", "onnxscript==0.7.2")
#: What a reader fetches of each, beside the weights.
CODE = {
    "onnx": ("peers/ort/ort.wasm.min.mjs", "peers/ort/ort-wasm-simd-threaded.wasm"),
    "tensorflow": (
        "peers/tfjs/tf-core.min.js",
        "peers/tfjs/tf-backend-wasm.min.js",
        "peers/tfjs/tfjs-backend-wasm-simd.wasm",
    ),
}
NAMES = {
    "ours": "ours, WebAssembly",
    "mask": "ours, keys hidden only",
    "unfused": "ours, without fused multiply and add",
    "plain": "ours, plain JavaScript",
    "onnx": "ONNX Runtime Web",
    "tensorflow": "TensorFlow.js",
}
EXPORT = """
import sys, torch
from pathlib import Path
from shapes_of_attention.training.checkpoint import load_model
model = load_model(Path(sys.argv[1]))
with torch.no_grad():
    for parameter in model.parameters():
        parameter.copy_(parameter.half().float())
image = torch.zeros(1, 3, 128, 128)
torch.onnx.export(model, (image,), sys.argv[2], dynamo=True, external_data=False,
                  input_names=["image"], output_names=["painted"])
"""
PATIENCE = 300_000  # ms
IN_PAGE = '(await import("/measure.js"))'


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def prepare(folder: Path) -> None:
    """Fill an empty folder with our page, both peers, the exported model and the images."""
    furnish(folder)
    npm = folder / "npm"
    npm.mkdir()
    install = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", *PEERS]
    subprocess.run(install, cwd=npm, check=True, stdout=subprocess.DEVNULL)
    modules = npm / "node_modules"
    shutil.copytree(modules / "onnxruntime-web/dist", folder / "peers/ort")
    shutil.copytree(modules / "@tensorflow/tfjs-backend-wasm/dist", folder / "peers/tfjs")
    shutil.copy(modules / "@tensorflow/tfjs-core/dist/tf-core.min.js", folder / "peers/tfjs")
    for script in (HERE / "live").glob("*.js"):
        shutil.copy(script, folder / script.name)
    exporters = folder / "python"
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--target",
        str(exporters),
        "--no-deps",
    ]
    subprocess.run([*install, *EXPORTERS, "onnx_ir", "ml_dtypes", "protobuf"], check=True)
    command = [sys.executable, "-c", EXPORT, str(FLAGSHIP), str(folder / "flagship.onnx")]
    path = os.pathsep.join([str(exporters), *sys.path])
    subprocess.run(
        command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": path}
    )
    make_shapes(range(16), seed=IMAGE_TEST_SEED).image.tofile(folder / "images.bin")
    scripts = "".join(
        f'<script src="/peers/tfjs/{name}"></script>'
        for name in ("tf-core.min.js", "tf-backend-wasm.min.js")
    )
    (folder / "peers.html").write_text(f"<!doctype html><title>peers</title>{scripts}", "utf-8")


def thread_time(session: CDPSession) -> float:
    """Give the processor seconds that the page's thread has taken."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(m["value"] for m in metrics if m["name"] == "ThreadTime"))


def milliseconds(page: Page, *, rounds: int, passes: int = 8) -> dict[str, float]:
    """Time a pass of each way, the median over rounds."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    work = f"async (given) => {IN_PAGE}.paint(...given)"
    found: dict[str, list[float]] = {name: [] for name in NAMES}
    for name in NAMES:
        page.evaluate(work, [name, 0, 3 * passes])  # compiled by then
    for number in range(rounds):
        for name in NAMES:
            if name == "mask":
                page.evaluate("() => run.ours(0)")  # what it keeps the memory of
            before = thread_time(session)
            page.evaluate(work, [name, number, passes])
            found[name].append(1000 * (thread_time(session) - before) / passes)
    return {name: round(statistics.median(times), 2) for name, times in found.items()}


@torch.no_grad()
def largest_errors(page: Page) -> dict[str, float]:
    """Compare what each way paints of the first image with torch, by the largest difference."""
    model = load_model(FLAGSHIP)
    for parameter in model.parameters():
        parameter.copy_(parameter.half().float())
    image = torch.from_numpy(make_shapes([0], seed=IMAGE_TEST_SEED).image).float() / 255
    truth = model(image).reshape(-1)
    errors = {}
    for name in NAMES:
        if name == "mask":
            continue
        painted = page.evaluate("async (name) => [...(await run[name](0))]", name)
        errors[name] = float((torch.tensor(painted) - truth).abs().max())
        if errors[name] > 1e-4:
            raise SystemExit(f"{NAMES[name]} paints something else: {errors[name]:.2g} off torch")
    return errors


def sizes(folder: Path, names: tuple[str, ...]) -> dict[str, int]:
    """Give the bytes of files, as they are and gzipped."""
    contents = [(folder / name).read_bytes() for name in names]
    return {
        "bytes": sum(map(len, contents)),
        "gzip": sum(len(gzip.compress(content, 9, mtime=0)) for content in contents),
    }


def longest_task(trace: dict[str, Any]) -> float:
    """Give the processor milliseconds of the longest task on a page's thread."""
    events = trace["traceEvents"]
    pages = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    return max(
        event.get("tdur", 0) / 1000 for event in events if (event["pid"], event["tid"]) in pages
    )


def page_measures(page: Page, address: str, folder: Path) -> dict[str, Any]:
    """Open the lab, touch it, drag a shape: what is fetched, and how the page's thread fares."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(address)))
    page.goto(f"{address}lab.html")
    before = set(asked)
    page.locator(".nb-figure__wake").click()
    page.wait_for_selector(".nb-figure--live", timeout=PATIENCE)
    after = tuple(dict.fromkeys(url for url in asked if url not in before))
    browser = page.context.browser
    assert browser is not None
    browser.start_tracing(page=page, categories=["toplevel"])
    drag = page.evaluate(f"async (steps) => {IN_PAGE}.drag(steps)", 120)
    waits = drag.pop("waits")
    drag["longest_task_processor"] = longest_task(json.loads(browser.stop_tracing()))
    return {
        **drag,
        "to_pixels": round(statistics.median(waits), 1),
        "to_pixels_best": round(min(waits), 1),
        "fetched": {"before": 0, **sizes(folder, after)},
        "files": after,
    }


def measure(rounds: int, folder: Path) -> dict[str, Any]:
    """Measure everything with what `prepare` has put into a folder."""
    handler = functools.partial(Quiet, directory=str(folder))
    with (
        sync_playwright() as playwright,
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        browser = playwright.chromium.launch(
            executable_path=find(), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(f"{address}peers.html")
        page.evaluate(f"async () => {IN_PAGE}.setUp()")
        result: dict[str, Any] = {
            "machine": machine(),
            "browser": f"Chromium {browser.version}",
            "load": round(os.getloadavg()[0], 1),
            "errors": largest_errors(page),
            "milliseconds": milliseconds(page, rounds=rounds),
        }
        page.close()
        result["page"] = page_measures(browser.new_page(), address, folder)
        browser.close()
        server.shutdown()
    weights = (".safetensors.gz", ".json")
    ours = [name for name in result["page"]["files"] if not name.endswith(weights)]
    files = {"ours": ours, **CODE}
    result["code"] = {name: sizes(folder, tuple(names)) for name, names in files.items()}
    return result


def table(result: dict[str, Any]) -> str:
    """Return a recorded run as the README shows it."""
    code, times, page = result["code"], result["milliseconds"], result["page"]
    code = {**code, "plain": code["ours"]}
    lines = [
        "| a repaint | processor ms | code, kB | largest difference from torch |",
        "|---|---|---|---|",
    ]
    for name, title in NAMES.items():
        size = f"{code[name]['bytes'] / 1000:,.0f}" if name in code else ""
        error = f"{result['errors'][name]:.0e}" if name in result["errors"] else ""
        lines.append(f"| {title} | {times[name]:.1f} | {size} | {error} |")
    fetched = page["fetched"]
    lines += [
        "",
        f"After the reader's first touch {fetched['bytes'] / 1e6:.2f} MB are fetched, "
        f"{fetched['gzip'] / 1e6:.2f} MB gzipped; before it, nothing. Over {page['steps']} steps "
        f"of a drag {page['posts']} scenes went to the worker, one at a time; the longest task on "
        f"the page's thread took {page['longest_task_processor']:.0f} ms of the processor. From a "
        f"key to its pixels: {page['to_pixels']} ms of the clock (median), "
        f"{page['to_pixels_best']} ms at best. Measured on {result['machine']}, "
        f"{result['browser']}, at a load of {result['load']}.",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--record", action="store_true", help="keep it, and show it in README.md")
    parser.add_argument("--folder", type=Path, help="install into this folder, and keep it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        if not (folder / "flagship.onnx").exists():
            prepare(folder)
        result = measure(options.rounds, folder)
    print(table(result))
    if options.record:
        RECORD.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8")
        write_readme("live", table(result))


if __name__ == "__main__":
    main()
