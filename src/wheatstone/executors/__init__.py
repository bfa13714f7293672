"""Executors say where a model runs."""
