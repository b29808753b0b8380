"""Patches: cutting and putting back; what a token of a patch or channel sees."""

import pytest
import torch

from shapes_of_attention.models.patches import (
    ChannelPatchEmbedding,
    PatchEmbedding,
    patchify,
    unpatchify,
)


def test_a_patch_is_the_square_of_the_image_it_should_be():
    image = torch.arange(2 * 3 * 6 * 8.0).reshape(2, 3, 6, 8)
    patches = patchify(image, 2)
    assert patches.shape == (2, 12, 12)
    # The sixth patch in reading order: row 1, column 1.
    assert torch.equal(patches[1, 5], image[1, :, 2:4, 2:4].flatten())


def test_unpatchify_undoes_patchify():
    image = torch.randn(2, 3, 12, 8)
    assert torch.equal(unpatchify(patchify(image, 4), patch=4, rows=3), image)


def test_patch_embedding_equals_a_strided_convolution():
    embed = PatchEmbedding(patch=4, dim=10)
    image = torch.randn(2, 3, 8, 8)
    kernel = embed.project.weight.unflatten(1, (3, 4, 4))
    wanted = torch.nn.functional.conv2d(image, kernel, embed.project.bias, stride=4)
    torch.testing.assert_close(
        embed(image), wanted.flatten(2).transpose(1, 2), atol=1e-5, rtol=1e-5
    )


def test_a_channel_token_sees_its_channel_alone():
    embed = ChannelPatchEmbedding(patch=4, dim=10)
    image = torch.randn(1, 3, 8, 8)
    changed = image.clone()
    changed[:, 1] += 1
    same = (embed(image) == embed(changed)).all(dim=-1)[0].reshape(3, 4)
    assert same.all(dim=1).tolist() == [True, False, True]
    assert embed(image).shape == (1, 12, 10)


def test_channel_tokens_of_equal_channels_differ_by_the_channel_vector_alone():
    embed = ChannelPatchEmbedding(patch=4, dim=10)
    image = torch.randn(1, 1, 8, 8).expand(1, 3, 8, 8)
    tokens = embed(image)[0].reshape(3, 4, 10)
    torch.testing.assert_close(
        tokens[2] - tokens[0],
        (embed.channel[2] - embed.channel[0]).expand(4, 10),
        atol=1e-6,
        rtol=1e-5,
    )


@pytest.mark.parametrize(
    ("shape", "patch"), [((1, 3, 10, 8), 4), ((1, 3, 8, 10), 4), ((1, 3, 8, 8), 0)]
)
def test_patches_that_do_not_divide_the_image_are_refused(shape, patch):
    with pytest.raises(ValueError, match="do not divide"):
        patchify(torch.zeros(shape), patch)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="batch, channels, height, width"):
        patchify(torch.zeros(3, 8, 8), 4)
    with pytest.raises(ValueError, match="must have 3 channels"):
        ChannelPatchEmbedding(patch=4, dim=8)(torch.zeros(1, 1, 8, 8))
    with pytest.raises(ValueError, match="does not hold 3 rows"):
        unpatchify(torch.zeros(1, 4, 48), patch=4, rows=3)
    with pytest.raises(ValueError, match="does not hold 0 rows"):
        unpatchify(torch.zeros(1, 4, 48), patch=4, rows=0)
    with pytest.raises(ValueError, match="patches of 0 x 0"):
        unpatchify(torch.zeros(1, 4, 48), patch=0, rows=2)
