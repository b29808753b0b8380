"""The device that a benchmark runs on: its clock, its memory, its name, a record of its own."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from shapes_of_attention.training.machine import card, exact_float32, processor

__all__ = ["add_device", "machine", "now", "peak_bytes_on_card", "record_on", "seconds_each"]


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add the option of the device. Products in float32 are exact on either."""
    exact_float32()
    parser.add_argument(
        "--device",
        type=torch.device,
        default=torch.device("cpu"),
        help="cpu, or cuda, which has a record of its own",
    )


def now(device: torch.device) -> float:
    """Read the processor's clock, or that on the wall when a graphics card has done its work."""
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


def seconds_each(work: Callable[[], object], seconds: float, device: torch.device) -> float:
    """Repeat for at least so many seconds; give those of one, the card's last work included."""
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    start, number = now(device), 0
    while number == 0 or clock() - start < seconds:
        work()
        number += 1
    return (now(device) - start) / number


def peak_bytes_on_card(work: Callable[[], object], device: torch.device) -> int:
    """Give the most bytes that tensors made by `work` held at once on a graphics card."""
    held = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    work()
    torch.cuda.synchronize(device)
    return int(torch.cuda.max_memory_allocated(device) - held)


def machine(device: torch.device) -> dict[str, Any]:
    """Name the machine, for a record."""
    return {"processor": processor(), "threads": 1, **card(device)}


def record_on(device: torch.device, record: Path) -> Path:
    """Give the record's file: results of another device than the processor join no others."""
    if device.type == "cpu":
        return record
    return record.with_name(f"{record.stem}-{device.type}{record.suffix}")
