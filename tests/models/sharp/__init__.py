"""SHARP needs PyTorch: without it these tests are skipped, but not in CI."""

import importlib.util
import os

import pytest

if importlib.util.find_spec("torch") is None:
    if os.environ.get("CI"):
        raise RuntimeError("CI must test SHARP: pip install --group torch")
    pytest.skip("PyTorch is not installed: pip install --group torch", allow_module_level=True)
