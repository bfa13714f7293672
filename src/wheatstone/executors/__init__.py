"""Executors say where a model runs."""

from wheatstone.executors.base import Executor
from wheatstone.executors.inline import InlineExecutor

__all__ = ["Executor", "InlineExecutor"]
