"""Pipelines: the stages from a picture to its results, as plain functions."""

from wheatstone.pipelines.photo_to_splat import Output, photo_to_splat, write_outputs

__all__ = ["Output", "photo_to_splat", "write_outputs"]
