"""How many inputs property tests try: few in the suite, many where there is time."""

from __future__ import annotations

import os

__all__ = ["many"]


def many(examples: int) -> int:
    """Return `examples`, times what ``FUZZ_TIMES`` says (`make campaign`)."""
    return examples * int(os.environ.get("FUZZ_TIMES", "1"))
