from collections.abc import Iterator

import pytest

from tests.gateway.town import Town
from tests.gateway.town import town as open_town


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with open_town(tmp_path_factory.mktemp("town")) as made:
        yield made
