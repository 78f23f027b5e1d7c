"""The whole OpenAPI description, asked with generated requests: nothing fails, and answers are what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from gateway.app import routes
from tests.gateway.town import Town

COMMAND = Path(sys.executable).parent / "schemathesis"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def test_generated_requests_of_every_operation_are_answered_as_described(town: Town, tmp_path: Path) -> None:
    asked = [
        *("run", f"{town.url}/openapi.json", "--header", f"Authorization: Bearer {town.tokens['acme', 'admin']}"),
        *("--phases", "fuzzing", "--max-examples", "4", "--checks", CHECKS, "--exclude-path-regex", "sync"),
        *("--generation-database", "none", "--seed", "1"),
    ]
    done = subprocess.run([str(COMMAND), *asked], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-4000:]
    assert f"{len(routes()) - 2}/{len(routes())}" in done.stdout
