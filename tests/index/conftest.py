"""The stores under test, each opened in a folder of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.index.stores import STORES, Local

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=list(STORES), ids=list(STORES))
def local(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Local]:
    made = Local(tmp_path / "index", merged_below=STORES[request.param])
    yield made
    made.close()
