"""What the page gets of a checkpoint: the same numbers in half precision, or an error in words."""

import json

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load, save

from shapes_of_attention.live_weights import WeightsError, half_precision
from shapes_of_attention.models import build_model
from shapes_of_attention.training.checkpoint import save_model, write_tensors


def saved(path, name="encoder-decoder", **options):
    torch.manual_seed(0)
    model = build_model(name, options)
    save_model(path, model, name=name, options=options)
    return model


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.safetensors"
    write_tensors(path, {"weight": torch.ones(3, 2)}, {"model": "encoder-only", "options": {}})
    half_precision(path)
    return path


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("encoder-decoder", {}),
        ("encoder-decoder", {"encoder_layers": 3, "decoder_self_attention": True}),
        ("encoder-only", {"layers": 2}),
    ],
)
def test_every_number_is_the_nearest_of_half_precision(tmp_path, name, options):
    model = saved(tmp_path / "m.safetensors", name, **options)
    halves = load(half_precision(tmp_path / "m.safetensors"))
    state = model.state_dict()
    assert halves.keys() == state.keys()
    for key, value in state.items():
        assert halves[key].dtype == np.float16
        assert np.array_equal(halves[key], value.numpy().astype(np.float16))
    (tmp_path / "half").write_bytes(half_precision(tmp_path / "m.safetensors"))
    with safe_open(tmp_path / "half", framework="np") as file:
        assert json.loads(file.metadata()["note"]) == {"model": name, "options": options}


def test_it_is_the_same_to_the_byte_each_time(tmp_path):
    saved(tmp_path / "m.safetensors")
    assert half_precision(tmp_path / "m.safetensors") == half_precision(tmp_path / "m.safetensors")


def test_a_model_that_the_page_cannot_run_is_refused(tmp_path):
    saved(tmp_path / "m.safetensors", positions="learned")
    with pytest.raises(WeightsError, match="not encoder-decoder with positions"):
        half_precision(tmp_path / "m.safetensors")


def test_a_number_that_is_too_large_is_refused(tmp_path):
    model = saved(tmp_path / "m.safetensors")
    with torch.no_grad():
        model.encoder_norm.weight[0] = 1e6
    save_model(tmp_path / "m.safetensors", model, name="encoder-decoder", options={})
    with pytest.raises(WeightsError, match=r"encoder_norm\.weight holds a number"):
        half_precision(tmp_path / "m.safetensors")


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), in_head=st.booleans(), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere_is_noticed(small, place, in_head, bit):
    whole = small.read_bytes()
    damaged = bytearray(whole)
    end = 8 + int.from_bytes(whole[:8], "little") if in_head else len(whole)
    damaged[int(place * end)] ^= 1 << bit
    small.write_bytes(damaged)
    try:
        with pytest.raises(WeightsError):
            half_precision(small)
    finally:
        small.write_bytes(whole)


@pytest.mark.parametrize("note", ["{", '{"model": "encoder-only"}', None])
def test_a_note_that_was_not_written_with_the_weights_is_refused(small, note):
    with safe_open(small, framework="np") as file:
        metadata = file.metadata()
    metadata = {**metadata, "note": note} if note is not None else {}
    small.write_bytes(save(load(small.read_bytes()), metadata=metadata))
    with pytest.raises(WeightsError, match="damaged" if note is not None else "carries no note"):
        half_precision(small)


def test_a_file_that_is_none_is_told_by_name(tmp_path):
    with pytest.raises(WeightsError, match="no such checkpoint"):
        half_precision(tmp_path / "missing.safetensors")
    (tmp_path / "noise.safetensors").write_bytes(b"noise")
    with pytest.raises(WeightsError, match="damaged"):
        half_precision(tmp_path / "noise.safetensors")
