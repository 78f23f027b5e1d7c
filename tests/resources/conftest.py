from collections.abc import Iterator

import pytest

from tests.resources.authority import Authority, open_authority


@pytest.fixture
def authority() -> Iterator[Authority]:
    with open_authority() as opened:
        yield opened
