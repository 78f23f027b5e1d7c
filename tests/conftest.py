"""What all tests share: properties are judged by what they find, not by how busy the machine is.

Each run of the suite draws the same examples, so that a change is judged by what it changed; KOBOSIFT_TEST_RANDOM=1
draws new ones.
"""

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "kobosift",
    deadline=None,
    derandomize="KOBOSIFT_TEST_RANDOM" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("kobosift")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that have slow tests: the last one to begin decides when two workers are done."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
