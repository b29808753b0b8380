"""What the page computes is what numpy and torch compute, in the browser that readers have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from blog_site.vendor import KERNELS
from shapes_of_attention.data import IMAGE_TEST_SEED, ShapesBatch, make_shapes
from shapes_of_attention.interpret.knockout import head_averages, heads_stilled, weights_replaced
from shapes_of_attention.measure.ideal import KEY_PIXELS, ideal_attention
from shapes_of_attention.measure.regions import patch_cover
from shapes_of_attention.models import capture_attention
from shapes_of_attention.training.checkpoint import load_model
from tests.support.live import Bench, shapes_of
from workbench.live_page import FLAGSHIP

MODULES = (
    "encoder.0.attention",
    "encoder.1.attention",
    "decoder.0.cross_attention",
    "decoder.1.cross_attention",
)
STILLED, REPLACED = MODULES[2], MODULES[3]
ROUNDED = 2e-5  # against torch with the same float16-rounded weights
WHOLE = 5e-3  # against the weights as they were trained
EVERY_CHANGE = ("plain", "hidden", "stilled", "replaced", "unturned")

Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def many() -> ShapesBatch:
    return make_shapes(range(256), seed=IMAGE_TEST_SEED)


@pytest.fixture(scope="module")
def batch() -> ShapesBatch:
    return make_shapes(range(16), seed=IMAGE_TEST_SEED)


def image_of(batch: ShapesBatch) -> torch.Tensor:
    return torch.from_numpy(batch.image).float() / 255


@contextmanager
def unturned(model: nn.Module) -> Iterator[None]:
    angles = (model.rotary, model.memory_rotary)
    model.rotary = model.memory_rotary = None
    try:
        yield
    finally:
        model.rotary, model.memory_rotary = angles


def torch_runs(
    model: nn.Module, batch: ShapesBatch, change: str, hidden: NDArray[np.bool_], averages: Floats
) -> tuple[Floats, Floats]:
    """Paint a batch under a change, and capture its maps: [modules, batch, heads, query, key]."""
    options = {}
    with torch.no_grad(), ExitStack() as changes:
        if change == "hidden":
            options["memory_mask"] = torch.from_numpy(~hidden)[:, None, None]
        if change == "stilled":
            changes.enter_context(
                heads_stilled(model, STILLED, [2], torch.from_numpy(averages).clone())
            )
        if change == "unturned":
            changes.enter_context(unturned(model))
        if change == "replaced":
            truth = np.stack([ideal_attention(batch, row).weights for row in range(len(batch))])
            ideal = torch.from_numpy(truth)[:, None]
            first = torch.arange(4)[:, None, None] == 1
            put = first & (ideal.sum(dim=-1, keepdim=True) > 0)
            changes.enter_context(
                weights_replaced(model, REPLACED, lambda w: torch.where(put, ideal, w))
            )
        weights = changes.enter_context(capture_attention(model))  # last: of what was put in, too
        painted = model(image_of(batch), **options).numpy()
    return painted, np.stack([weights[name].numpy() for name in MODULES])


def test_images_are_equal_to_the_bit(bench: Bench, many: ShapesBatch) -> None:
    bench.give("image", many.image)
    bench.give("target", many.target)
    different = bench.run(
        """
        const [images, targets] = [await given("image", Uint8Array), await given("target", Uint8Array)];
        let different = 0;
        const compare = (drawn, all, row) => {
          const from = row * drawn.length;
          drawn.forEach((value, i) => { if (value !== all[from + i]) different += 1; });
        };
        argument.forEach((shapes, row) => {
          compare(scene.paint(shapes), images, row);
          compare(scene.paint(shapes, scene.truthOf(shapes).means), targets, row);
        });
        return different;
        """,
        shapes_of(many),
    )
    assert different == 0


def test_the_truth_is_the_truth(bench: Bench, many: ShapesBatch) -> None:
    ideals = [ideal_attention(many, row) for row in range(len(many))]
    bench.give("ideal", np.stack([ideal.weights for ideal in ideals]))
    number = np.where(many.present, many.present.cumsum(axis=1) - 1, -1)  # of a slot's shape
    owners = [
        np.where(ideal.owner < 0, -1, number[row][ideal.owner]) for row, ideal in enumerate(ideals)
    ]
    bench.give("owner", np.stack(owners).astype(np.int8))
    far, wrong = bench.run(
        """
        const [ideal, owner] = [await given("ideal", Float32Array), await given("owner", Int8Array)];
        let [far, wrong] = [0, 0];
        argument.forEach((shapes, row) => {
          const truth = scene.truthOf(shapes);
          far = Math.max(far, farthest(truth.ideal, ideal.subarray(row * 4096, (row + 1) * 4096)));
          truth.owner.forEach((shape, patch) => { if (shape !== owner[row * 64 + patch]) wrong += 1; });
        });
        return [far, wrong];
        """,
        shapes_of(many),
    )
    assert far <= 1e-6
    assert wrong == 0


@pytest.mark.parametrize("kernel", [path.name for path in KERNELS] + [""])
def test_paintings_and_maps_are_those_of_torch(
    bench: Bench, batch: ShapesBatch, kernel: str
) -> None:
    touched = patch_cover(batch, 16) >= KEY_PIXELS  # [batch, slots, patches]
    hidden = touched[:, 0]
    whole = load_model(FLAGSHIP)
    averages = head_averages(whole, image_of(make_shapes(range(64), seed=IMAGE_TEST_SEED)))
    still = averages[STILLED].detach().numpy()
    rounded = load_model(FLAGSHIP)
    with torch.no_grad():
        for parameter in rounded.parameters():
            parameter.copy_(parameter.half().float())
    bench.give("image", batch.image)
    for name, model in (("rounded", rounded), ("whole", whole)):
        for change in EVERY_CHANGE:
            painted, maps = torch_runs(model, batch, change, hidden, still)
            bench.give(f"{name}-{change}-painted", painted)
            bench.give(f"{name}-{change}-maps", maps)
    found = bench.run(
        """
        const { kernel, shapes, hidden, still, modules, stilled, replaced, every } = argument;
        const one = await network(kernel, { [stilled]: Float32Array.from(still) });
        const images = await given("image", Uint8Array);
        const found = {};
        for (const change of every) {
          const expected = {};
          for (const name of ["rounded", "whole"]) {
            const painted = await given(`${name}-${change}-painted`, Float32Array);
            expected[name] = { painted, maps: await given(`${name}-${change}-maps`, Float32Array) };
          }
          const far = { rounded: 0, whole: 0 };
          shapes.forEach((each, row) => {
            const pixels = 3 * scene.SIZE * scene.SIZE;
            const image = images.slice(row * pixels, (row + 1) * pixels);
            const changes = {
              plain: {},
              hidden: { hidden: hidden[row] },
              stilled: { stilled: { [stilled]: [2] } },
              replaced: { replaced: { [replaced]: [1] }, ideal: scene.truthOf(each).ideal },
              unturned: { unturned: true },
            }[change];
            const { painted, attention } = one.run(image, changes);
            for (const [name, { painted: goal, maps }] of Object.entries(expected)) {
              const close = (values, all, from) =>
                (far[name] = Math.max(far[name], farthest(values, all.subarray(from, from + values.length))));
              close(painted, goal, row * pixels);
              modules.forEach((module, i) =>
                close(attention[module], maps, (i * shapes.length + row) * attention[module].length));
            }
          });
          found[change] = far;
        }
        return found;
        """,
        {
            "kernel": kernel,
            "shapes": shapes_of(batch),
            "hidden": hidden.tolist(),
            "still": still.tolist(),
            "modules": MODULES,
            "stilled": STILLED,
            "replaced": REPLACED,
            "every": EVERY_CHANGE,
        },
    )
    assert set(found) == set(EVERY_CHANGE)
    assert {change for change, far in found.items() if far["rounded"] > ROUNDED} == set(), found
    assert {change for change, far in found.items() if far["whole"] > WHOLE} == set(), found


@pytest.mark.parametrize("kernel", [path.name for path in KERNELS] + [""])
def test_a_gelu_is_zero_far_below_zero_and_nowhere_off_by_more_than_last_digits(
    bench: Bench, kernel: str
) -> None:
    below = np.concatenate([-np.linspace(0.01, 8, 800), -np.logspace(1, 6, 100)]).astype(np.float32)
    found = bench.run(
        """
        const one = await productsOf(argument.kernel, argument.below.length);
        const values = one.allocate(argument.below.length);
        values.set(argument.below);
        one.gelu(values);
        return [...values];
        """,
        {"kernel": kernel, "below": below.tolist()},
    )
    values = np.array(found)
    wanted = nn.functional.gelu(torch.from_numpy(below).double()).numpy()
    # erf is near -1, where a last digit is 2^-24; without fused products a few of them are lost.
    assert (np.abs(values - wanted) <= 2.0**-22 * np.minimum(-below, 6)).all()
    assert (values[below < -6] == 0).all()


def test_colours_drawn_and_painted_in_the_browser_are_as_good_as_the_flagships(
    bench: Bench, many: ShapesBatch
) -> None:
    errors = bench.run(
        """
        const one = await network("kernel-fused.wasm");
        return argument.flatMap((shapes) => {
          const { painted } = one.run(scene.paint(shapes));
          const levels = painted.map((value) => Math.min(255, Math.max(0, 255 * value)));
          const seen = scene.interiorMeans(levels, shapes);
          return scene.truthOf(shapes).means.flatMap((mean, i) =>
            mean ? [mean.reduce((sum, level, c) => sum + Math.abs(level - seen[i][c]), 0) / 3] : []);
        });
        """,
        shapes_of(many),
    )
    assert len(errors) == int(many.kept.sum())
    assert np.median(errors) <= 1.35


def test_a_kept_memory_changes_nothing(bench: Bench, batch: ShapesBatch) -> None:
    """Hiding keys after the same image was painted must give what a fresh model gives."""
    far = bench.run(
        """
        const { shapes, hidden } = argument;
        const [image, other] = shapes.map((each) => scene.paint(each));
        const one = await network("kernel-fused.wasm");
        one.run(image);
        const kept = one.run(image, { hidden });
        one.run(other);
        one.run(image, { unturned: true });
        const fresh = one.run(image, { hidden });
        return farthest(kept.painted, fresh.painted);
        """,
        {
            "shapes": shapes_of(batch)[:2],
            "hidden": (patch_cover(batch, 16) >= KEY_PIXELS)[0, 0].tolist(),
        },
    )
    assert far == 0
