"""Executors say where a model runs."""

from wheatstone.executors.inline import InlineExecutor

__all__ = ["InlineExecutor"]
