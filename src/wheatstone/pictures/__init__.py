"""Safe decoding of photos: limits before pixels, orientation, colour, focal length."""

from wheatstone.pictures.picture import FocalSource, Picture, read_picture

__all__ = ["FocalSource", "Picture", "read_picture"]
