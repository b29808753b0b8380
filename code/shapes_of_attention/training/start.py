"""Start a run from another model's weights, where the two differ in how they read the image."""

from torch import Tensor, nn

from shapes_of_attention.training.checkpoint import CheckpointError

__all__ = ["start_from"]

#: The projection of one token a patch, and of one token a patch and channel: what differs.
_PROJECTION = "encoder_embedding.project.weight"
_CHANNELS = "encoder_embedding.channel"


def start_from(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Give `model` the weights of one that may read its image by other tokens.

    A model of channel tokens projects a channel of a patch as the other one did on average: its
    projection [dim, pixels] is the mean of the three slices of [dim, 3 * pixels]. The vectors that
    tell channels apart stay as they were drawn. Everything else is taken over.

    Raises
    ------
    CheckpointError
        When the weights do not fit.
    """
    own = model.state_dict()
    given = dict(weights)
    if _CHANNELS in own and _CHANNELS not in given and _PROJECTION in given:
        channels = len(own[_CHANNELS])
        given[_PROJECTION] = given[_PROJECTION].unflatten(1, (channels, -1)).mean(dim=1)
        given[_CHANNELS] = own[_CHANNELS]
    try:
        model.load_state_dict(given)
    except RuntimeError as error:
        raise CheckpointError(f"the weights to start from do not fit: {error}") from error
