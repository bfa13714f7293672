from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.live import PLUGINS
from wheatstone.models import registry

_CACHES = (registry.splat_models, registry.mesh_models, registry._plugins)


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Plug-in models for tests are there, in this process and in children."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(PLUGINS), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.syspath_prepend(str(PLUGINS))
    for cache in _CACHES:
        cache.cache_clear()
    yield
    for cache in _CACHES:
        cache.cache_clear()
