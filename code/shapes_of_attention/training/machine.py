"""What a record says of the machine and the software that made it."""

import platform
from pathlib import Path

import lightning
import numpy as np
import torch

__all__ = ["fast_in_bfloat16", "processor", "versions"]

#: What torch calls the instructions that multiply in bfloat16: of AVX-512, of AMX, of ARM.
_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")


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


def versions() -> dict[str, str]:
    """Give the versions of what a trained model depends on."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "lightning": lightning.__version__,
        "numpy": np.__version__,
    }
