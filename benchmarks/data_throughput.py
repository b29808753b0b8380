"""Images a second of the shapes generator, beside a plain Pillow loop that draws the same images.

python benchmarks/data_throughput.py [--images 512] [--repeats 5]

Both draw anti-aliased shapes, the input and the target; one thread each, in turn, in one process.
Pillow has no anti-aliased ellipse: the loop draws each image four times too large and shrinks it,
the usual way. It is timed twice: as a generator, which finds places, colours and means in plain
Python, and as a mere painter of shapes that are given to it (our side does all the work each time).
"""

import argparse
import json
import random
import time
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from shapes_of_attention.data import ShapesBatch, ShapesConfig, make_shapes

SCALE = 4

Box = tuple[float, float, float, float]
Colour = tuple[float, float, float]
Shape = tuple[int, Box, float, Colour, Colour | None]  # kind, box, stroke, colour, target colour


def given(batch: ShapesBatch, row: int) -> list[Shape]:
    """List the shapes of one of our images."""
    return [
        (
            int(batch.kind[row, slot]),
            tuple(batch.box[row, slot].tolist()),
            float(batch.stroke[row, slot]),
            tuple(batch.colour[row, slot].tolist()),
            tuple(batch.group_mean[row, slot].tolist()) if batch.kept[row, slot] else None,
        )
        for slot in np.flatnonzero(batch.present[row])
    ]


def draw_with_pillow(shapes: list[Shape], size: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """Draw one image and its target: each uint8 [3, size, size]."""
    images = []
    for target in (False, True):
        canvas = Image.new("RGB", (size * SCALE, size * SCALE))
        draw = ImageDraw.Draw(canvas)
        for kind, (x0, y0, x1, y1), stroke, own, mean in shapes:
            colour = mean if target else own
            if colour is None:
                continue
            red, green, blue = (int(level + 0.5) for level in colour)
            form = draw.ellipse if kind < 2 else draw.rectangle
            box = (x0 * SCALE, y0 * SCALE, x1 * SCALE - 1, y1 * SCALE - 1)
            if stroke > 0:
                form(box, outline=(red, green, blue), width=round(stroke * SCALE))
            else:
                form(box, fill=(red, green, blue))
        small = canvas.resize((size, size), Image.Resampling.BOX)
        images.append(np.asarray(small).transpose(2, 0, 1))
    return images[0], images[1]


def invent(rng: random.Random) -> list[Shape]:
    """Choose kind, box, stroke, colour and target colour of an image's shapes, one at a time."""
    config = ShapesConfig()
    shapes: list[tuple[int, Box, float, Colour]] = []
    for _ in range(rng.randint(config.fewest, config.slots)):
        kind = rng.randrange(4)
        width, height = rng.uniform(*config.side), rng.uniform(*config.side)
        height = width if kind < 2 else height
        for _ in range(config.candidates):
            x = rng.uniform(config.gap, config.size - config.gap - width)
            y = rng.uniform(config.gap, config.size - config.gap - height)
            if all(
                x >= b[2] + config.gap
                or x + width + config.gap <= b[0]
                or y >= b[3] + config.gap
                or y + height + config.gap <= b[1]
                for _, b, _, _ in shapes
            ):
                top = rng.uniform(*config.strongest)
                levels = [rng.uniform(0, top - config.dominance) for _ in range(3)]
                levels[rng.randrange(3)] = top
                stroke = rng.uniform(*config.stroke) if kind in (1, 3) else 0.0
                box = (x, y, x + width, y + height)
                shapes.append((kind, box, stroke, (levels[0], levels[1], levels[2])))
                break
    groups: dict[int, list[Colour]] = {}
    for kind, _, _, colour in shapes:
        if kind != 0 or colour[0] > max(colour[1], colour[2]):
            groups.setdefault(kind, []).append(colour)
    finished = []
    for kind, box, stroke, colour in shapes:
        members = groups.get(kind, [])
        mean = None
        if colour in members:
            red, green, blue = (sum(m[c] for m in members) / len(members) for c in range(3))
            mean = (red, green, blue)
        finished.append((kind, box, stroke, colour, mean))
    return finished


def images_per_second(work: Callable[[], None], images: int, repeats: int) -> list[float]:
    """Time `work`, which makes `images` images, by the processor's clock."""
    work()
    speeds = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        speeds.append(images / (time.process_time() - start))
    return speeds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    batch = make_shapes(range(chosen.images), seed=1)
    listed = [given(batch, row) for row in range(chosen.images)]

    def ours() -> None:
        for start in range(0, chosen.images, 32):
            make_shapes(range(start, start + 32), seed=1)

    def generator() -> None:
        rng = random.Random(1)
        for _ in range(chosen.images):
            draw_with_pillow(invent(rng))

    def painter() -> None:
        for shapes in listed:
            draw_with_pillow(shapes)

    drawn = np.stack([np.stack(draw_with_pillow(shapes)) for shapes in listed[:16]])
    wanted = np.stack([batch.image[:16], batch.target[:16]], axis=1)
    speeds = {
        work.__name__: images_per_second(work, chosen.images, chosen.repeats)
        for work in (ours, generator, painter)
    }
    middle = {name: float(np.median(found)) for name, found in speeds.items()}
    result = {
        "images_per_second": {name: round(speed, 1) for name, speed in middle.items()},
        "ours_to_pillow_generator": round(middle["ours"] / middle["generator"], 2),
        "ours_to_pillow_painter": round(middle["ours"] / middle["painter"], 2),
        "range": {name: [round(min(f), 1), round(max(f), 1)] for name, f in speeds.items()},
        "mean_difference_levels": round(float(np.abs(drawn.astype(float) - wanted).mean()), 3),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
