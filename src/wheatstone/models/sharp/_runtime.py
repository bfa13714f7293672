"""How PyTorch is told to use this machine; it reads these variables when it starts, so this comes before it.

Whoever sets them otherwise is heard.
"""

from __future__ import annotations

import os

os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
"""On Linux large tensors come on large pages: getting small ones takes longer than filling them."""

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
"""Threads that wait sleep. Spinning, they take the cores from whatever else runs, and that from them: beside two
busy processes on two cores everything takes two and a half times as long."""
