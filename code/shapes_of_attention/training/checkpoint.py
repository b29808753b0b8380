"""Checkpoints: tensors and a JSON note in one safetensors file, written whole or not at all.

A safetensors file holds numbers and text. Reading one runs no code, unlike a pickle. It also
carries the sha256 of what it holds (`training.digest`).
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from shapes_of_attention.models import build_model
from shapes_of_attention.training.digest import Part, digest, verified_note
from shapes_of_attention.training.run_config import differences

__all__ = [
    "CheckpointError",
    "built_from",
    "file_hash",
    "load_model",
    "load_noted",
    "read_tensors",
    "refuse_another",
    "save_model",
    "write_atomically",
    "write_tensors",
]


Model = TypeVar("Model", bound=nn.Module)


class CheckpointError(ValueError):
    """A checkpoint cannot be read, or is not what it should be."""


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that at any moment, and after any crash, the old or the new one is whole.

    Raises
    ------
    OSError
        When it cannot be written, for example on a full disk; what was there before stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_tensors(path: Path, tensors: dict[str, Tensor], note: dict[str, Any]) -> None:
    """Write tensors and a note that JSON can hold."""
    # A tensor may be laid out in any order (channels last); a file holds the plain one.
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(note, sort_keys=True)
    sha256 = digest(_parts(plain), text)
    write_atomically(path, save(plain, metadata={"note": text, "sha256": sha256}))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_tensors` wrote.

    Raises
    ------
    CheckpointError
        When the file is missing, damaged or was not written by this project.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such checkpoint") from None
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: damaged, or no safetensors file ({error})") from error
    try:
        return tensors, json.loads(verified_note(metadata, _parts(tensors)))
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from None


def _parts(tensors: Mapping[str, Tensor]) -> Iterator[Part]:
    for name, tensor in tensors.items():
        dtype = str(tensor.dtype).removeprefix("torch.")
        yield Part(name, dtype, tensor.shape, tensor.reshape(-1).view(torch.uint8).numpy().data)


def file_hash(path: Path) -> str:
    """Give the sha256 of a checkpoint's file, which names these weights and no others.

    Raises
    ------
    OSError
        When it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refuse_another(path: Path, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Check that what a run has left in a file was made of what it would be made of now.

    Parameters
    ----------
    then, now : what decides a run besides its key, in terms of JSON; see `studies.kept.details`.

    Raises
    ------
    CheckpointError
        That says where they differ.
    """
    if found := differences(then, now):
        raise CheckpointError(
            f"{path}: the run was begun as another than it is now ({'; '.join(found)}); put that "
            "back, or remove the folder to begin again"
        )


def save_model(path: Path, model: nn.Module, *, name: str, options: dict[str, Any]) -> None:
    """Write a model's weights with what is needed to build it again."""
    write_tensors(path, dict(model.state_dict()), {"model": name, "options": options})


def load_model(
    path: Path,
    *,
    expect: tuple[str, dict[str, Any]] | None = None,
    build: Callable[[str, dict[str, Any]], nn.Module] = build_model,
) -> nn.Module:
    """Build a model from its checkpoint, ready to be used (`eval` mode, on the CPU).

    Parameters
    ----------
    path : a file written by `save_model`.
    expect : name and options the model must have; anything goes when not given.
    build : gives the model of a name and options; those for images when not given.

    Raises
    ------
    CheckpointError
        When the file is damaged, or holds another configuration than expected.
    """
    tensors, note = read_tensors(path)
    if "model" not in note or "options" not in note:
        raise CheckpointError(f"{path}: does not say which model it holds")
    found = (note["model"], note["options"])
    if expect is not None and found != expect:
        raise CheckpointError(f"{path}: holds {found}, not the expected {expect}")
    return built_from(path, tensors, lambda: build(*found), of=found)


def load_noted(
    path: Path, entry: str, build: Callable[[dict[str, Any]], Model], *, what: str
) -> Model:
    """Build the model whose options stand under `entry` in a checkpoint's note, ready to be used.

    `what` says in a message which sort of model was looked for.

    Raises
    ------
    CheckpointError
        When the file is damaged, or holds something else.
    """
    tensors, note = read_tensors(path)
    if entry not in note:
        raise CheckpointError(f"{path}: holds no {what}")
    return built_from(path, tensors, lambda: build(note[entry]), of=note[entry])


def built_from(
    path: Path, tensors: Mapping[str, Tensor], build: Callable[[], Model], *, of: Any
) -> Model:
    """Build a model and give it the tensors of its checkpoint, ready to be used (`eval` mode).

    `path` and `of`, what the checkpoint says that it holds, stand in messages alone.

    Raises
    ------
    CheckpointError
        When there is no such model, or tensors do not fit it or are not finite.
    """
    try:
        model = build()
        model.load_state_dict(tensors)
    except (ValueError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{path}: its tensors do not fit {of}: {error}") from error
    if not all(torch.isfinite(p).all() for p in model.parameters()):
        raise CheckpointError(f"{path}: holds values that are not finite")
    return model.eval()
