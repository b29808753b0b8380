"""How far a run is: a progress bar on a terminal, a line every half minute in a log."""

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from shapes_of_attention.training import run_config

__all__ = ["Display"]

_COUNTED = ("step", "images", "seconds", "wall_seconds", "loss")


class Display:
    """Shows the progress of one run while it is the context; called after each step."""

    def __init__(self, name: str, *, quiet: bool) -> None:
        self.name = name
        self.quiet = quiet
        self.console = Console()
        self.logged_at = time.perf_counter()
        self.started: tuple[float, float] | None = None
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(),
            console=self.console,
            disable=quiet or not self.console.is_terminal,
        )
        self.task = self.bar.add_task(name, total=1.0, state="")
        self.loss: float | None = None

    def __enter__(self) -> "Display":
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def __call__(self, progress: run_config.Progress, share: float) -> None:
        # One batch's loss is noisy; show a running mean.
        old = self.loss
        self.loss = progress.loss if old is None else 0.99 * old + 0.01 * progress.loss
        speed = progress.images / max(progress.seconds, 1e-9)
        state = f"loss {self.loss:.5f} {speed:.0f} a second"
        now = time.perf_counter()
        if self.started is None:
            self.started = (now, share)
        if not self.bar.disable:
            self.bar.update(self.task, completed=min(share, 1.0), state=state)
        elif not self.quiet and now - self.logged_at >= 30:
            self.logged_at = now
            begun, share_then = self.started
            left = (now - begun) / max(share - share_then, 1e-9) * (1 - share)
            print(
                f"{self.name}: {share:6.1%} {state}, {progress.images} seen, {_measured(progress)}"
                f"{left / 60:.0f} min left",
                flush=True,
            )


def _measured(progress: run_config.Progress) -> str:
    """Say what the curve's last point measured first."""
    point = progress.curve[-1] if progress.curve else {}
    for name, value in point.items():
        if name not in _COUNTED:
            return f"{name.replace('_', ' ')} {value:.4g}, "
    return ""
