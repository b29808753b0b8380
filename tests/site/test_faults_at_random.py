"""A sample of the fault campaign (`make campaign`): killed builds and flipped bits."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from faults import Killing, flips_unnoticed_in_cache, flips_unnoticed_in_checkpoint


@pytest.fixture(scope="module")
def killing(tmp_path_factory: pytest.TempPathFactory) -> Killing:
    return Killing(tmp_path_factory.mktemp("killing"))


@pytest.mark.parametrize("tenth", [2, 5, 8])
def test_a_killed_build_loses_nothing(killing: Killing, tenth: int) -> None:
    moment = (tenth + random.Random(tenth).random()) / 10
    kill = killing.kill_at(moment)
    assert kill.harmless, kill
    assert kill.readings > 100


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    chance = random.Random(0)
    assert flips_unnoticed_in_cache(20, chance, tmp_path) == 0
    assert flips_unnoticed_in_checkpoint(20, chance, tmp_path) == 0
