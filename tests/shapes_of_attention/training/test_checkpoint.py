"""Checkpoints: what is written is read; what is damaged, foreign or unwritable says so clearly."""

import errno
import os
import pickle
import resource
import signal

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shapes_of_attention.models import build_model
from shapes_of_attention.training.checkpoint import (
    CheckpointError,
    load_model,
    read_tensors,
    save_model,
    write_atomically,
    write_tensors,
)

OPTIONS = {"dim": 16, "heads": 2, "hidden": 16, "encoder_layers": 1, "decoder_layers": 1}


@pytest.fixture
def saved(tmp_path):
    model = build_model("encoder-decoder", OPTIONS)
    path = tmp_path / "model.safetensors"
    save_model(path, model, name="encoder-decoder", options=OPTIONS)
    return path, model


def test_a_loaded_model_paints_exactly_what_the_saved_one_did(saved):
    path, model = saved
    image = torch.rand(1, 3, 128, 128)
    loaded = load_model(path, expect=("encoder-decoder", OPTIONS))
    assert torch.equal(loaded(image), model(image))
    assert not loaded.training


def test_a_channels_last_model_survives(tmp_path):
    model = build_model("unet", {"widths": [8, 16]})
    save_model(tmp_path / "u", model, name="unet", options={"widths": (8, 16)})
    image = torch.rand(1, 3, 128, 128)
    torch.testing.assert_close(load_model(tmp_path / "u")(image), model(image))


@pytest.mark.parametrize("keep", [0, 5, 200, -10])
def test_a_cut_off_file_is_refused(saved, keep):
    path, _ = saved
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="damaged"):
        load_model(path)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), in_head=st.booleans(), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere_is_noticed(saved, place, in_head, bit):
    path, _ = saved
    whole = path.read_bytes()
    damaged = bytearray(whole)
    end = 8 + int.from_bytes(whole[:8], "little") if in_head else len(whole)
    damaged[int(place * end)] ^= 1 << bit
    try:
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError):
            read_tensors(path)
    finally:
        path.write_bytes(whole)


def test_other_files_are_refused_and_no_pickle_is_ever_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "exploded"),))

    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(CheckpointError, match="damaged, or no safetensors file"):
        load_model(path)
    assert not (tmp_path / "exploded").exists()
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        load_model(tmp_path / "missing")


def test_another_configuration_than_expected_is_refused(saved):
    path, _ = saved
    with pytest.raises(CheckpointError, match="not the expected"):
        load_model(path, expect=("encoder-decoder", {**OPTIONS, "dim": 32}))


def test_tensors_that_do_not_fit_the_note_are_refused(saved):
    path, _ = saved
    tensors, note = read_tensors(path)
    write_tensors(path, tensors, {**note, "options": {**OPTIONS, "hidden": 24}})
    with pytest.raises(CheckpointError, match="do not fit"):
        load_model(path)
    write_tensors(path, tensors, {**note, "model": "oracle"})
    with pytest.raises(CheckpointError, match="no model 'oracle'"):
        load_model(path)
    write_tensors(path, tensors, {})
    with pytest.raises(CheckpointError, match="does not say which model"):
        load_model(path)


def test_values_that_are_not_finite_are_refused(saved):
    path, model = saved
    with torch.no_grad():
        model.paint.colours.bias[0] = float("nan")
    save_model(path, model, name="encoder-decoder", options=OPTIONS)
    with pytest.raises(CheckpointError, match="not finite"):
        load_model(path)


def test_a_full_disk_leaves_the_old_file_and_no_scraps(tmp_path, monkeypatch):
    path = tmp_path / "state"
    write_atomically(path, b"old")

    def no_space(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["state"]


def test_a_file_that_may_not_grow_leaves_the_old_one(tmp_path):
    path = tmp_path / "state"
    write_atomically(path, b"old")
    old_limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    old_handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, old_limit[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_atomically(path, bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old_limit)
        signal.signal(signal.SIGXFSZ, old_handler)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["state"]
