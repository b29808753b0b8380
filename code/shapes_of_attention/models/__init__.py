"""Models for the shapes task, and a way to build one from its name and configuration."""

from typing import Any

from torch import nn

from shapes_of_attention.models.attention import Attention, explicit_attention
from shapes_of_attention.models.capture import (
    attention_names,
    attention_of,
    capture_attention,
    capture_outputs,
)
from shapes_of_attention.models.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from shapes_of_attention.models.encoder_only import EncoderOnly, EncoderOnlyConfig
from shapes_of_attention.models.fully_connected import FullyConnected, FullyConnectedConfig
from shapes_of_attention.models.options import check_options
from shapes_of_attention.models.unet import UNet, UNetConfig

__all__ = [
    "IMAGE_MODELS",
    "Attention",
    "EncoderDecoder",
    "EncoderDecoderConfig",
    "EncoderOnly",
    "EncoderOnlyConfig",
    "FullyConnected",
    "FullyConnectedConfig",
    "UNet",
    "UNetConfig",
    "attention_names",
    "attention_of",
    "build_model",
    "capture_attention",
    "capture_outputs",
    "explicit_attention",
    "model_config",
]

#: Name of a model -> its class and the class of its configuration.
IMAGE_MODELS: dict[str, tuple[Any, Any]] = {
    "encoder-decoder": (EncoderDecoder, EncoderDecoderConfig),
    "encoder-only": (EncoderOnly, EncoderOnlyConfig),
    "fully-connected": (FullyConnected, FullyConnectedConfig),
    "unet": (UNet, UNetConfig),
}


def model_config(name: str, options: dict[str, Any] | None = None) -> Any:
    """Give a model's configuration, a dataclass, from the options that differ from the default.

    Raises
    ------
    ValueError
        For an unknown name or option, or a value that the configuration refuses.
    """
    check_options(name, options, {known: make() for known, (_, make) in IMAGE_MODELS.items()})
    # JSON knows no tuples.
    given = {key: tuple(v) if isinstance(v, list) else v for key, v in (options or {}).items()}
    return IMAGE_MODELS[name][1](**given)


def build_model(name: str, options: dict[str, Any] | None = None) -> nn.Module:
    """Build a model from its name and the options in which it differs from the default.

    Raises
    ------
    ValueError
        As `model_config`.
    """
    config = model_config(name, options)
    built = IMAGE_MODELS[name][0](config)
    assert isinstance(built, nn.Module)
    return built
