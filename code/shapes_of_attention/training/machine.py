"""The devices and processes of a run, and what its record says of machine and software."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from lightning.fabric import Fabric

__all__ = ["card", "exact_float32", "fast_in_bfloat16", "launch", "processor", "versions"]

#: What torch calls the instructions that multiply in bfloat16: of AVX-512, of AMX, of ARM.
_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")


def launch(accelerator: str = "cpu", devices: int = 1, nodes: int = 1) -> Fabric:
    """Start the processes of a run, one for each device on each node; give what joins them."""
    from lightning.fabric import Fabric  # takes seconds: only who trains waits for it

    exact_float32()
    fabric = Fabric(accelerator=accelerator, devices=devices, num_nodes=nodes)
    fabric.launch()
    return fabric


def exact_float32() -> None:
    """See that what is called float32 is it: by default a graphics card convolves in fewer bits."""
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def fast_in_bfloat16(device: torch.device) -> bool:
    """Tell whether a device multiplies matrices faster in bfloat16 than in float32.

    A processor without instructions for it takes tens of times longer.
    """
    if device.type == "cpu":
        found = torch.cpu.get_capabilities()
        return any(found.get(name, False) for name in _BFLOAT16)
    return device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)


def processor() -> str:
    """Name this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def card(device: torch.device) -> dict[str, str]:
    """Name the graphics card of a run, for its record; nothing when it has none."""
    return {"card": torch.cuda.get_device_name(device)} if device.type == "cuda" else {}


def versions() -> dict[str, str]:
    """Give the versions of what a trained model depends on."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "lightning": metadata.version("lightning"),
        "numpy": np.__version__,
    }
