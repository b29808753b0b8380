"""The live model's modules and a float16 flagship, served to a real browser without the site around them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page

from shapes_of_attention.data import ShapesBatch
from tests.support.browser import PATIENCE, Launcher
from tests.support.servers import files_of
from workbench.live_page import furnish


@dataclass
class Bench:
    """A page that can import the modules, and a folder whose files it can fetch."""

    page: Page
    folder: Path

    def give(self, name: str, values: NDArray[Any]) -> None:
        """Put an array where the page's `given(name, Type)` finds it."""
        values.tofile(self.folder / name)

    def run(self, script: str, argument: Any = None) -> Any:
        """Run the body of an async function in the page; `given`, `scene`, `network` are there."""
        return self.page.evaluate(f"async (argument) => {{ {PRELUDE} {script} }}", argument)


PRELUDE = """
const scene = await import("/assets/live/scene.js");
const model = await import("/assets/live/model.js");
const products = await import("/assets/live/products.js");
const given = async (name, Type) => new Type(await (await fetch("/" + name)).arrayBuffer());
const productsOf = async (kernel, room) => {
  if (!kernel) return products.plainProducts();
  const { instance } = await WebAssembly.instantiateStreaming(fetch(`/assets/live/${kernel}`));
  return products.fastProducts(instance.exports, room);
};
const network = async (kernel, averages = {}) => {
  const file = await given("assets/live/flagship.safetensors.gz", Uint8Array);
  const weights = model.readWeights(await model.unpacked(file.buffer));
  return new model.Network(await productsOf(kernel, model.roomFor(weights)), weights, averages);
};
const farthest = (a, b) => a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
"""


@contextlib.contextmanager
def bench_in(folder: Path, launch: Launcher) -> Iterator[Bench]:
    """Furnish a folder, and open an empty page that can import the modules."""
    furnish(folder)
    with files_of(folder) as port:
        page = launch().new_page()
        page.set_default_timeout(1000 * PATIENCE)
        page.goto(f"http://127.0.0.1:{port}/index.html")
        yield Bench(page, folder)
        page.close()


def shapes_of(batch: ShapesBatch) -> list[list[dict[str, Any]]]:
    """Write the shapes of a batch as the page has them."""
    return [
        [
            {
                "kind": int(batch.kind[row, slot]),
                "box": batch.box[row, slot].tolist(),
                "stroke": float(batch.stroke[row, slot]),
                "colour": batch.colour[row, slot].tolist(),
            }
            for slot in np.flatnonzero(batch.present[row])
        ]
        for row in range(len(batch))
    ]
