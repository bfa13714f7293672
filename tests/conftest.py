from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from wheatstone.errors import CheckpointUnavailableError
from wheatstone.models import checkpoints
from wheatstone.settings import load_settings

# How long an example takes says something of the machine, not of the promise.
settings.register_profile("wheatstone", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("wheatstone")


@pytest.fixture(scope="session")
def u2netp() -> Path:
    """The small U²-Net, fetched if it is not here. In CI it must be had; offline elsewhere the test is skipped."""
    try:
        return checkpoints.ensure("u2netp", load_settings())
    except CheckpointUnavailableError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
