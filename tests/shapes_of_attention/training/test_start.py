"""A model of channel tokens starts from one that has a token a patch."""

import pytest
import torch

from shapes_of_attention.models import build_model
from shapes_of_attention.training.checkpoint import CheckpointError
from shapes_of_attention.training.start import start_from

SMALL = {"dim": 32, "heads": 2, "hidden": 48}


def test_all_but_the_encoders_embedding_is_taken_over():
    torch.manual_seed(0)
    whole = build_model("encoder-decoder", SMALL)
    channels = build_model("encoder-decoder", {**SMALL, "tokens": "channel"})
    drawn = channels.encoder_embedding.channel.detach().clone()
    start_from(channels, whole.state_dict())

    given, got = whole.state_dict(), channels.state_dict()
    torch.testing.assert_close(got.pop("encoder_embedding.channel"), drawn)
    projection = got.pop("encoder_embedding.project.weight")
    slices = given.pop("encoder_embedding.project.weight").split(256, dim=1)
    torch.testing.assert_close(projection, (slices[0] + slices[1] + slices[2]) / 3)
    assert got.keys() == given.keys()
    for name, value in given.items():
        torch.testing.assert_close(got[name], value, rtol=0, atol=0)


def test_a_grey_patch_is_read_as_before_up_to_a_factor():
    torch.manual_seed(0)
    whole = build_model("encoder-decoder", SMALL)
    channels = build_model("encoder-decoder", {**SMALL, "tokens": "channel"})
    start_from(channels, whole.state_dict())
    grey = torch.rand(2, 1, 128, 128).expand(-1, 3, -1, -1)
    bias = whole.encoder_embedding.project.bias
    one = whole.encoder_embedding(grey) - bias  # [2, 64, 32]
    three = channels.encoder_embedding(grey) - bias  # [2, 192, 32]
    three = three.unflatten(1, (3, 64)) - channels.encoder_embedding.channel[:, None]
    for channel in three.unbind(1):
        torch.testing.assert_close(3 * channel, one, atol=1e-5, rtol=1e-5)


def test_weights_of_another_shape_are_refused():
    with pytest.raises(CheckpointError, match="do not fit"):
        start_from(
            build_model("encoder-decoder", SMALL),
            build_model("encoder-decoder", {**SMALL, "hidden": 64}).state_dict(),
        )
