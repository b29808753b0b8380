"""What a study says of its runs. All else, from locks to records, is the runner's."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from torch import nn

from shapes_of_attention.training.loop import Task
from shapes_of_attention.training.run_config import Budget, Course, key_of

__all__ = ["Run", "Study", "in_full"]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a study.

    Attributes
    ----------
    name : unique in its study, as in compare/unet/seed-0: what it is for, what is trained, which of
        several; the first part may be missing.
    course : how long the run is, and how fast it learns.
    config : what defines the run besides `course`, in terms of JSON. Options of models and data may
        stand there only where they differ from their defaults.
    resolved : the configurations of model and data in full, defaults included, in terms of JSON.
        It lacks the data of the efficient study and the text of the language study, which stand in
        `config`, and what `MixtureConfig` adds of its own: `form` and `capacity_factor`.
    seed : of the weights.
    build : makes the model, from torch's seed.
    task : what the model is to learn on a course, which may be another than the listed one; made
        anew whenever the run begins or goes on.
    test : measures the finished model; it is given the record so far, with `memory`.
    note : what a checkpoint says besides the weights, enough to build the model again.
    record : name of the record's file, without its suffix.
    shares_record : whether that file holds the records of several runs, by their names.
    checkpoint : name under which the weights are kept in the repository, if they are.
    tested_on_device : whether `test` measures the model where it was trained; on the CPU otherwise.
    starts_from : name of a kept checkpoint whose weights this run starts from.
    trial : whether the run only tries a learning rate. If it diverges, that is what it finds, and
        its record says so.
    """

    name: str
    course: Course
    config: dict[str, Any] = field(default_factory=dict)
    resolved: dict[str, Any] = field(default_factory=dict)
    seed: int
    build: Callable[[], nn.Module]
    task: Callable[[nn.Module, Course], Task]
    test: Callable[[nn.Module, Mapping[str, Any]], dict[str, Any]]
    note: dict[str, Any]
    record: str
    shares_record: bool = False
    checkpoint: str | None = None
    tested_on_device: bool = False
    starts_from: str | None = None
    trial: bool = False

    @property
    def described(self) -> dict[str, Any]:
        """Give all that defines the run, as its record states it."""
        return {**self.config, **self.course.described()}

    def key(self) -> str:
        """Give the run its address: a hash of what defines it."""
        return key_of(self.described)

    def at(self, budget: Budget) -> "Run":
        """Give a run another length, and a name of its own: it must not displace the listed one.

        Its warm-up stays as long as it is listed.
        """
        if budget == self.course.budget:
            return self
        course = self.course.at(budget)
        suffix = f"{course.budget.unit}-{course.budget.amount:.12g}"
        return replace(
            self,
            name=f"{self.name}/{suffix}",
            record=self.record if self.shares_record else f"{self.record}-{suffix}",
            course=course,
            checkpoint=f"{self.checkpoint}-{suffix}" if self.checkpoint else None,
        )


def in_full(**configs: Any) -> dict[str, Any]:
    """Write configurations, dataclasses, out in terms of JSON, for `Run.resolved`."""
    found: dict[str, Any] = json.loads(
        json.dumps({name: asdict(config) for name, config in configs.items()})
    )
    return found


@dataclass(frozen=True, kw_only=True)
class Study:
    """A list of runs.

    Attributes
    ----------
    about : what is studied, in a line.
    runs : lists the runs, those that others build on first.
    summary : says in a line how well a run did, from its test.
    workers : processes that make batches, unless another number is asked for. Without any the time
        that batches take is the run's.
    """

    name: str
    about: str
    runs: Callable[[], list[Run]]
    summary: Callable[[Mapping[str, Any]], str]
    workers: int = 0
