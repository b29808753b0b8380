"""Attention that learns how far each head needs to look.

A soft mask fades from 1 to 0 beyond a head's span, so that the span has a gradient. A small price
on the span makes every head give up the distance that it does not use.

Source: "Adaptive attention span in Transformers", arXiv 1905.07799.
"""

import math

import torch
from torch import Tensor, nn

from shapes_of_attention.efficient.inputs import check_inputs
from shapes_of_attention.efficient.local import Band

__all__ = ["AdaptiveSpanAttention", "soft_mask"]


def soft_mask(distance: Tensor, span: Tensor, *, ramp: float) -> Tensor:
    """Give 1 within the span, 0 beyond span + ramp, and a straight slope between.

    m(x) = clamp((ramp + span - x) / ramp, 0, 1); distance and span broadcast, all in tokens.
    """
    return ((ramp + span - distance) / ramp).clamp(0, 1)


class AdaptiveSpanAttention(nn.Module):
    """Attention within a learned span for each head.

    Time and memory are in proportion to tokens x the longest span of a head.

    Parameters
    ----------
    heads : number of heads, each with a span of its own.
    longest : largest span, in tokens.
    ramp : tokens over which the mask fades.
    initial : span at the start, in tokens.
    causal : look back only.
    """

    def __init__(
        self,
        *,
        heads: int,
        longest: int,
        ramp: float = 32.0,
        initial: float = 32.0,
        causal: bool = False,
    ) -> None:
        super().__init__()
        if heads < 1 or longest < 1:
            raise ValueError(f"heads and longest must be at least 1, got {heads} and {longest}")
        if ramp <= 0:
            raise ValueError(f"ramp must be positive, got {ramp}")
        if not 0 <= initial <= longest:
            raise ValueError(f"initial must be from 0 to longest={longest}, got {initial}")
        self.longest, self.ramp, self.causal = longest, ramp, causal
        #: As a share of the longest span, so that one learning rate suits it and the weights.
        self.share = nn.Parameter(torch.full((heads,), initial / longest))

    def span(self) -> Tensor:
        """Give the span of each head in tokens: [heads]."""
        return self.share.clamp(0, 1) * self.longest

    def price(self) -> Tensor:
        """Give what is added to the loss, times a small factor: the mean span as a share."""
        return self.share.clamp(0, 1).mean()

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attend: query, key and value [batch, heads, tokens, head_dim] -> the same.

        Raises
        ------
        ValueError
            If the inputs do not fit each other, or there are not as many heads as spans.
        """
        check_inputs(query, key, value)
        heads, tokens = query.shape[1:3]
        if heads != len(self.share):
            raise ValueError(f"there are spans for {len(self.share)} heads, got {heads} heads")
        if self.training:
            # As the paper does after each step: beyond 0 and 1 there is no gradient, so that a head
            # which a step took there would stay closed, or wide open, for ever.
            self.share.data.clamp_(0, 1)
        span = self.span()
        # Beyond this distance every head's mask is zero: nothing there is computed.
        reach = math.ceil(float(span.detach().max()) + self.ramp)
        window = min(reach, self.longest, tokens - 1)
        band = Band(tokens, before=window, after=0 if self.causal else window, device=query.device)
        allowed = (band.distance.abs() <= window) & band.exists  # [blocks, block, reach]
        if self.causal:
            allowed = allowed & (band.distance >= 0)
        scores = band.cut(query) @ band.around(key).transpose(-2, -1) / math.sqrt(query.shape[-1])
        fade = soft_mask(band.distance.abs(), span[:, None, None], ramp=self.ramp)
        fade = fade[:, None]  # [heads, 1, block, reach]
        # A head's largest score is that of a key it sees: a larger one beyond its own span would
        # leave nothing of all the others.
        seen = allowed & (fade > 0)  # [heads, blocks, block, reach]
        scores = scores.masked_fill(~seen, torch.finfo(scores.dtype).min)
        weights = (scores - scores.amax(dim=-1, keepdim=True).detach()).exp()
        # The mask multiplies the exponentials before they are normalised.
        weights = weights * fade * seen
        # Rows of padding have no key at all; the others always have at least their own.
        weights = weights / weights.sum(dim=-1, keepdim=True).clamp_min(
            torch.finfo(scores.dtype).tiny
        )
        return band.join(weights @ band.around(value))
