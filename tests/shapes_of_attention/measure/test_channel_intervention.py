"""Hiding one channel's keys, where the answer is known: painters that follow a rule to the letter."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from shapes_of_attention.data import KINDS, make_shapes
from shapes_of_attention.measure.channel_intervention import (
    HIDDEN,
    SUBJECTS,
    ChannelIntervention,
)
from shapes_of_attention.measure.regions import patch_cover
from shapes_of_attention.models import build_model


class Rule(nn.Module):
    """Paints kept shapes in the mean of the channels it sees; a circle needs its red keys to count.

    A shape whose keys of a channel are hidden gives that channel no vote. A filled circle whose red
    is hidden vanishes, and one left out appears once its green and blue are both hidden.
    """

    def __init__(self, batch):
        super().__init__()
        self.config = SimpleNamespace(patch=16, tokens="channel")
        self.anchor = nn.Parameter(torch.zeros(1))
        self.batch = batch

    def forward(self, image, memory_mask=None):
        batch = self.batch
        touched = patch_cover(batch, 16) >= 1
        seen = np.ones((len(batch), 3, 64), dtype=bool)
        if memory_mask is not None:
            seen = memory_mask[:, 0, 0].numpy().reshape(len(batch), 3, 64)
        painted = np.zeros(batch.image.shape, dtype=np.float32)
        for row in range(len(batch)):
            slots = np.flatnonzero(batch.present[row])
            # Whether any patch of a shape still shows a channel: [slots, 3].
            shows = {s: (seen[row] & touched[row, s]).any(axis=1) for s in slots}
            for slot in slots:
                circle = batch.kind[row, slot] == 0
                if circle and batch.kept[row, slot] and not shows[slot][0]:
                    continue
                if not batch.kept[row, slot] and (shows[slot][1:].any() or not shows[slot][0]):
                    continue
                group = [
                    s
                    for s in slots
                    if batch.kind[row, s] == batch.kind[row, slot] and batch.kept[row, s]
                ]
                colour = batch.colour[row, slot].copy()
                for channel in range(3):
                    votes = [batch.colour[row, s, channel] for s in group if shows[s][channel]]
                    if votes:
                        colour[channel] = np.mean(votes)
                x0, y0, x1, y1 = batch.box[row, slot]
                box = (slice(None), slice(int(y0), int(y1) + 1), slice(int(x0), int(x1) + 1))
                inside = batch.image[row][box].max(axis=0) > 0
                painted[row][box][:, inside] = colour[:, None]
        return torch.from_numpy(painted) / 255


@pytest.fixture(scope="module")
def found():
    batch = make_shapes(range(80), seed=6)
    return ChannelIntervention(Rule(batch)).over([batch]).result()


def test_a_circle_that_needs_its_red_vanishes_without_it_and_a_rectangle_does_not(found):
    circle = {name: effect.visible for name, effect in found["filled circle"].items()}
    assert circle["nothing"] == circle["green"] == circle["blue"] == 1
    # Shapes near the hidden one may lose their red with it.
    assert circle["red"] < 0.05 and circle["all"] < 0.05
    for name in HIDDEN:
        assert found["filled rectangle"][name].visible == 1


def test_a_circle_left_out_appears_only_where_the_rule_says(found):
    left_out = found["left-out filled circle"]
    assert left_out["nothing"].visible == left_out["red"].visible == 0
    assert left_out["green"].visible == left_out["blue"].visible == left_out["all"].visible == 0
    # Its red must still be there: the painter gives it the mean of what others show, or its own.
    assert left_out["green and blue"].visible > 0.95


def test_only_the_hidden_channel_of_the_others_mean_moves(found):
    for kind in KINDS[1:]:
        for number, name in enumerate(("red", "green", "blue")):
            slope = found[kind][name].others_slope
            for channel in range(3):
                assert slope[channel] == pytest.approx(float(channel == number), abs=0.15)
        assert found[kind]["green and blue"].others_slope == pytest.approx((0, 1, 1), abs=0.15)
        assert found[kind]["all"].others_slope == pytest.approx((1, 1, 1), abs=0.15)
        assert found[kind]["nothing"].others_slope == (0, 0, 0)
        assert found[kind]["nothing"].colour_change == (0, 0, 0)
        assert found[kind]["red"].others > 10


def test_every_sort_of_shape_and_every_set_of_channels_is_measured_on_the_same_shapes(found):
    assert set(found) == set(SUBJECTS)
    for effects in found.values():
        assert list(effects) == list(HIDDEN)
        assert len({(effect.shapes, effect.others) for effect in effects.values()}) == 1
        assert effects["red"].as_record()["visible"] == round(effects["red"].visible, 4)
    assert found["left-out filled circle"]["all"].others_slope is None


def test_a_real_model_is_hidden_from_channel_by_channel():
    torch.manual_seed(0)
    tiny = {"dim": 16, "heads": 2, "hidden": 16, "encoder_layers": 1, "tokens": "channel"}
    model = build_model("encoder-decoder", tiny).eval()
    found = ChannelIntervention(model).over([make_shapes(range(24), seed=6)]).result()
    changes = {n: np.array(e.colour_change) for n, e in found["hollow circle"].items()}
    assert all(np.abs(changes[name]).max() > 0 for name in ("red", "green", "blue", "all"))
    assert not np.allclose(changes["red"], changes["green"])


def test_a_model_without_tokens_of_one_channel_is_refused():
    model = build_model("encoder-decoder", {"dim": 16, "heads": 2, "hidden": 16})
    with pytest.raises(ValueError, match="no keys of one channel"):
        ChannelIntervention(model)
