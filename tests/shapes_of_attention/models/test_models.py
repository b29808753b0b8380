"""The models as wholes: shapes, bad input, capture, masks, wiring."""

import json
import re

import pytest
import torch

from shapes_of_attention.models import (
    IMAGE_MODELS,
    EncoderDecoder,
    EncoderDecoderConfig,
    build_model,
    capture_attention,
    capture_outputs,
)

SMALL = {"dim": 32, "heads": 2, "hidden": 48}


@pytest.mark.parametrize("name", sorted(IMAGE_MODELS))
def test_every_model_paints_an_image_and_learns_from_it(name):
    torch.manual_seed(0)
    model = build_model(name)
    image = torch.rand(2, 3, 128, 128)
    painted = model(image)
    assert painted.shape == image.shape
    painted.square().mean().backward()
    silent = [n for n, p in model.named_parameters() if p.numel() and p.grad is None]
    assert silent == []


@pytest.mark.parametrize("name", sorted(IMAGE_MODELS))
@pytest.mark.parametrize("shape", [(1, 3, 64, 64), (1, 1, 128, 128), (3, 128, 128)])
def test_wrong_image_shapes_are_refused_in_the_same_words(name, shape):
    said = re.escape(f"images must be [batch, 3, 128, 128], got {shape}")
    with pytest.raises(ValueError, match=f"^{said}$"):
        build_model(name)(torch.rand(shape))


@pytest.mark.parametrize("name", sorted(IMAGE_MODELS))
def test_a_configuration_survives_json(name):
    options = {"widths": (8, 16)} if name == "unet" else {}
    restored = json.loads(json.dumps(options))
    assert build_model(name, restored).config == build_model(name, options).config


@pytest.mark.parametrize("tokens", ["rgb", "channel"])
@pytest.mark.parametrize("positions", ["none", "sinusoidal", "learned", "rotary"])
@pytest.mark.parametrize("registers", [0, 3])
def test_explicit_and_fused_paths_of_the_whole_model_agree(tokens, positions, registers):
    torch.manual_seed(0)
    model = build_model(
        "encoder-decoder",
        {
            **SMALL,
            "tokens": tokens,
            "positions": positions,
            "registers": registers,
            "decoder_self_attention": True,
        },
    ).eval()
    image = torch.rand(2, 3, 128, 128)
    fused = model(image)
    with capture_attention(model) as weights:
        explicit = model(image)
    torch.testing.assert_close(fused, explicit, atol=1e-5, rtol=1e-5)
    keys = 192 if tokens == "channel" else 64
    assert sorted(weights) == [
        "decoder.0.cross_attention",
        "decoder.0.self_attention",
        "decoder.1.cross_attention",
        "decoder.1.self_attention",
        "encoder.0.attention",
        "encoder.1.attention",
    ]
    assert weights["decoder.0.cross_attention"].shape == (2, 2, 64, keys)
    assert weights["encoder.0.attention"].shape == (2, 2, keys + registers, keys + registers)
    for found in weights.values():
        torch.testing.assert_close(found.sum(dim=-1), torch.ones(found.shape[:-1]))


def test_capture_leaves_the_model_as_it_was():
    model = build_model("encoder-decoder", SMALL)
    with pytest.raises(RuntimeError, match="on purpose"), capture_attention(model):
        raise RuntimeError("on purpose")
    assert not any(m._forward_hooks for m in model.modules())
    assert not model.decoder[0].cross_attention.explicit


def test_any_activation_can_be_captured_by_name():
    model = build_model("encoder-decoder", SMALL)
    with capture_outputs(model, ["encoder.1.feed_forward.activation"]) as found:
        model(torch.rand(1, 3, 128, 128))
    assert found["encoder.1.feed_forward.activation"].shape == (1, 64, 48)
    with (
        pytest.raises(KeyError, match=r"no module 'encoder.9'"),
        capture_outputs(model, ["encoder.9"]),
    ):
        pass


def test_a_hidden_token_gets_no_cross_attention():
    model = build_model("encoder-decoder", SMALL).eval()
    seen = torch.ones(2, 1, 1, 64, dtype=torch.bool)
    seen[1, ..., 10:20] = False
    with capture_attention(model) as weights:
        model(torch.rand(2, 3, 128, 128), memory_mask=seen)
    for name in ("decoder.0.cross_attention", "decoder.1.cross_attention"):
        assert weights[name][1, :, :, 10:20].abs().max() == 0
        assert weights[name][0, :, :, 10:20].min() > 0


def test_without_cross_attention_a_patch_depends_on_itself_alone():
    model = build_model("encoder-decoder", {**SMALL, "cross_attention": False}).eval()
    image = torch.rand(1, 3, 128, 128)
    changed = image.clone()
    changed[..., 64:, :] = 0
    torch.testing.assert_close(model(image)[..., :64, :], model(changed)[..., :64, :])


def test_the_encoder_without_positions_is_permutation_equivariant():
    model = EncoderDecoder(EncoderDecoderConfig(positions="none", **SMALL)).eval()
    image = torch.rand(1, 3, 128, 128)
    swapped = image.clone()
    swapped[..., :16, :16], swapped[..., 112:, 32:48] = (
        image[..., 112:, 32:48],
        image[..., :16, :16],
    )
    order = torch.arange(64)
    order[0], order[7 * 8 + 2] = 7 * 8 + 2, 0
    torch.testing.assert_close(
        model.encode(image)[:, order], model.encode(swapped), atol=1e-5, rtol=1e-5
    )


def test_the_encoder_only_model_without_positions_paints_patches_wherever_they_are():
    model = build_model("encoder-only", {**SMALL, "positions": "none"}).eval()
    image = torch.rand(1, 3, 128, 128)
    painted = model(image.roll((32, 48), dims=(2, 3)))
    torch.testing.assert_close(
        painted, model(image).roll((32, 48), dims=(2, 3)), atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("name", ["encoder-decoder", "encoder-only"])
@pytest.mark.parametrize("positions", ["sinusoidal", "learned", "rotary"])
def test_any_positions_tell_places_apart(name, positions):
    torch.manual_seed(0)
    model = build_model(name, {**SMALL, "positions": positions}).eval()
    image = torch.rand(1, 3, 128, 128)
    painted = model(image.roll(32, dims=3))
    assert (painted - model(image).roll(32, dims=3)).abs().max() > 1e-4


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("encoder-only", {"positions": "best"}, "positions must be"),
        ("encoder-decoder", {"patch": 10}, "do not divide"),
        ("encoder-decoder", {"positions": "best"}, "positions must be"),
        ("encoder-decoder", {"tokens": "hsv"}, "tokens must be"),
        ("encoder-decoder", {"heads": 3}, "heads must divide"),
        ("encoder-decoder", {"registers": -1}, "must not be negative"),
        ("encoder-decoder", {"depth": 3}, "has no option depth"),
        ("encoder-only", {"patch": 10}, "do not divide"),
        ("encoder-only", {"layers": 0}, "layers must be"),
        ("unet", {"size": 100}, "cannot be halved"),
        ("fully-connected", {"hidden": 0}, "at least 1"),
        ("transformer", {}, "no model 'transformer'"),
    ],
)
def test_bad_configurations_are_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        build_model(name, options)


@pytest.mark.parametrize("head", ["palette", "pixels"])
@pytest.mark.parametrize("name", ["encoder-decoder", "encoder-only", "unet"])
def test_either_head_paints_with_any_body_and_all_of_it_learns(name, head):
    torch.manual_seed(0)
    model = build_model(name, {"head": head})
    image = torch.rand(2, 3, 128, 128)
    painted = model(image)
    assert painted.shape == image.shape
    painted.square().mean().backward()
    silent = [n for n, p in model.named_parameters() if p.numel() and p.grad is None]
    assert silent == []


@pytest.mark.parametrize("name", ["encoder-decoder", "encoder-only", "unet"])
def test_an_unknown_head_is_refused(name):
    with pytest.raises(ValueError, match="head must be palette or pixels, got 'brush'"):
        build_model(name, {"head": "brush"})


def test_a_unet_s_resolutions_may_have_any_widths():
    model = build_model("unet", {"widths": [3, 10, 7]})
    painted = model(torch.rand(1, 3, 128, 128))
    assert painted.shape == (1, 3, 128, 128)
    painted.square().mean().backward()


def test_a_unet_paints_a_patch_with_its_palette_alone():
    torch.manual_seed(0)
    model = build_model("unet", {"head": "palette", "palette": 2}).eval()
    with torch.no_grad():
        painted = model(torch.rand(1, 3, 128, 128))
    patches = painted.unfold(2, 16, 16).unfold(3, 16, 16)  # [1, 3, 8, 8, 16, 16]
    for row in range(8):
        for column in range(8):
            # Two colours span two dimensions, whatever the masks are.
            values = torch.linalg.svdvals(patches[0, :, row, column].flatten(1).double())
            assert values[2] < 1e-5 * values[0]


def test_a_palette_needs_a_resolution_with_one_cell_a_patch():
    with pytest.raises(ValueError, match="none of 20"):
        build_model("unet", {"head": "palette", "patch": 20})


@pytest.mark.parametrize("name", ["encoder-decoder", "encoder-only"])
@pytest.mark.parametrize("positions", ["sinusoidal", "rotary"])
def test_waves_of_positions_take_a_base(name, positions):
    def painted(**options):
        torch.manual_seed(0)
        model = build_model(name, {**SMALL, "positions": positions, **options})
        return model(torch.linspace(0, 1, 3 * 128 * 128).reshape(1, 3, 128, 128))

    torch.testing.assert_close(painted(), painted(position_base=100.0), rtol=0, atol=0)
    assert not torch.allclose(painted(), painted(position_base=10.0))
    with pytest.raises(ValueError, match="position_base must be above 1"):
        painted(position_base=1.0)
