"""How well a language model reads stories: the next word, and what it remembers of shapes."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from shapes_of_attention.language_model.text import make_rows, make_story

__all__ = ["measure_text"]


@torch.no_grad()
def measure_text(
    model: nn.Module, *, stories: int, seed: int, length: int = 64
) -> dict[str, float]:
    """Measure a model on stories of `length` words that it has not read.

    Returns
    -------
    loss
        Mean negative logarithm of the probability of the next word, in nats.
    recall
        Share of the shapes met again whose colour and form both came first.
    """
    rows = torch.from_numpy(make_rows(np.arange(stories), seed=seed, length=length + 1))
    rows = rows.to(next(model.parameters()).device)
    total, right, asked = 0.0, 0, 0
    for part in range(0, stories, 32):
        row = rows[part : part + 32]
        scores = model(row[:, :-1])
        total += float(
            functional.cross_entropy(scores.flatten(0, 1), row[:, 1:].flatten(), reduction="sum")
        )
        correct = scores.argmax(dim=-1) == row[:, 1:]
        for place in range(len(row)):
            story = make_story(part + place, seed=seed, sentences=length // 8)
            owners = torch.tensor(story.recalls, dtype=torch.long)
            # After the owner comes the colour, after the colour the form.
            right += int((correct[place, owners] & correct[place, owners + 1]).sum())
            asked += len(owners)
    return {"loss": round(total / (stories * length), 4), "recall": round(right / asked, 4)}
