"""Weights for the model in the page: a checkpoint in half precision, as a safetensors file.

Half of the bytes for the same colour error (1.291 against 1.293 levels over 256 images), and
packed, since many hosts send files of this kind as they are. Written without torch: a build of the
site that runs no notebook should not wait for it.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from shapes_of_attention.training.digest import Part, verified_note

__all__ = ["WeightsError", "half_precision", "packed"]

#: What the page's forward pass (assets/theme/assets/live/model.js) can vary.
_DEPTHS = {
    "encoder-decoder": {"encoder_layers", "decoder_layers", "decoder_self_attention"},
    "encoder-only": {"layers"},
}


class WeightsError(ValueError):
    """A checkpoint cannot be read, or the page cannot run what it holds."""


def packed(path: Path) -> bytes:
    """Return what `half_precision` does, gzipped: the same bytes whenever it is done.

    Raises
    ------
    WeightsError : as `half_precision` does.
    """
    return gzip.compress(half_precision(path), mtime=0)


def half_precision(path: Path) -> bytes:
    """Return a checkpoint's tensors as float16, with its note, in safetensors' format.

    Raises
    ------
    WeightsError
        When the file is missing or damaged, holds a model that the page cannot run, or a number
        that float16 cannot hold.
    """
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such checkpoint") from None
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: damaged, or no safetensors file ({error})") from error
    parts = (
        Part(name, str(tensor.dtype), tensor.shape, tensor.reshape(-1).view(np.uint8).data)
        for name, tensor in tensors.items()
    )
    try:
        found: dict[str, Any] = json.loads(verified_note(metadata, parts))
    except ValueError as error:
        raise WeightsError(f"{path}: {error}") from None
    options = found.get("options", {})
    unknown = set(options) - _DEPTHS.get(found.get("model", ""), set())
    if found.get("model") not in _DEPTHS or unknown:
        raise WeightsError(
            f"{path}: the page runs {' and '.join(_DEPTHS)} models of the default width, "
            f"not {found.get('model')} with {', '.join(sorted(unknown)) or 'its options'}"
        )
    with np.errstate(over="ignore"):
        halves = {name: tensor.astype(np.float16) for name, tensor in tensors.items()}
    for name, tensor in halves.items():
        if not np.isfinite(tensor).all():
            raise WeightsError(f"{path}: {name} holds a number that float16 cannot hold")
    kept = json.dumps({"model": found["model"], "options": options}, sort_keys=True)
    return save(halves, metadata={"note": kept})
