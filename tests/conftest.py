"""What all tests share: properties are judged by what they find, not by how busy the machine is.

Each run of the suite draws the same examples, so that a change is judged by what it changed; KOBOSIFT_TEST_RANDOM=1
draws new ones.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "kobosift",
    deadline=None,
    derandomize="KOBOSIFT_TEST_RANDOM" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("kobosift")
