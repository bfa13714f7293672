"""The API keeps what its OpenAPI description promises, whatever it is sent."""

from __future__ import annotations

from typing import Any

import schemathesis
from hypothesis import settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from tests.live import LiveServer
from wheatstone.jobs import Runtime
from wheatstone.server import create_app
from wheatstone.settings import Settings

CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]
SCHEMA = schemathesis.openapi.from_dict(create_app(Runtime(Settings())).openapi())


@SCHEMA.parametrize()
@settings(max_examples=15)
def test_it_keeps_its_promises(server: LiveServer, case: Any) -> None:
    case.call_and_validate(base_url=server.url, checks=CHECKS)
