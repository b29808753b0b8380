"""The live model's modules in a browser, for all tests here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.browser import Launcher
from tests.support.live import Bench, bench_in


@pytest.fixture(scope="session")
def bench(launch: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench_in(tmp_path_factory.mktemp("live"), launch) as bench:
        yield bench
