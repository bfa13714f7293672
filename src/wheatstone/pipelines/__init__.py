"""Pipelines: the stages from a picture to its results, as plain functions."""
