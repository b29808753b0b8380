"""Seeds of images that no run trains on; runs train on small seeds."""

__all__ = ["IMAGE_TEST_SEED", "IMAGE_VALIDATION_SEED"]

#: Of the images on which finished models are compared; no run trains or validates on it.
IMAGE_TEST_SEED = 2_000_003
#: Of the images on which learning curves are measured.
IMAGE_VALIDATION_SEED = 1_000_001
