"""Splat file formats: one module a format, each with `read(path) -> Scene` and `write(scene, file)`."""

from wheatstone.splats.formats.registry import FORMATS, Format, format_named, format_of, read_scene, write_scene

__all__ = ["FORMATS", "Format", "format_named", "format_of", "read_scene", "write_scene"]
