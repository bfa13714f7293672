"""Splat file formats: one module a format, each with functions that read and write a scene."""

from wheatstone.splats.formats.registry import (
    FORMATS,
    Format,
    check_writable,
    format_named,
    format_of,
    read_scene,
    write_scene,
)

__all__ = ["FORMATS", "Format", "check_writable", "format_named", "format_of", "read_scene", "write_scene"]
