"""The version of what is installed."""

import importlib.metadata

VERSION = importlib.metadata.version("wheatstone")
