"""The whole OpenAPI description, asked with generated requests: nothing fails, and answers are what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from gateway.app import routes
from tests.gateway.town import Town

COMMAND = Path(sys.executable).parent / "schemathesis"
EXAMPLES = str(max(int(os.environ.get("KOBOSIFT_TEST_FUZZ", "0")) // len(routes()), 4))
"""Of each operation: `make test-fuzz` asks for as many requests in all as are sent to the webhook."""
SEED = () if "KOBOSIFT_TEST_RANDOM" in os.environ else ("--seed", "1")
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def test_generated_requests_of_every_operation_are_answered_as_described(town: Town, tmp_path: Path) -> None:
    asked = [
        *("run", f"{town.url}/openapi.json", "--header", f"Authorization: Bearer {town.tokens['acme', 'admin']}"),
        *("--phases", "fuzzing", "--max-examples", EXAMPLES, "--checks", CHECKS),
        *("--generation-database", "none", *SEED),
    ]
    done = subprocess.run(
        [str(COMMAND), *asked],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=None if "KOBOSIFT_TEST_FUZZ" in os.environ else 300,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert f"{len(routes())}/{len(routes())}" in done.stdout
