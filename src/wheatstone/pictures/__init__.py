"""Safe decoding of photos: limits before pixels, orientation, colour, focal length."""

from wheatstone.pictures.decode import check_file_size
from wheatstone.pictures.focal import FocalSource
from wheatstone.pictures.paths import PICTURE_SUFFIXES, picture_paths
from wheatstone.pictures.photo import Photo
from wheatstone.pictures.picture import Picture, read_picture

__all__ = [
    "PICTURE_SUFFIXES",
    "FocalSource",
    "Photo",
    "Picture",
    "check_file_size",
    "picture_paths",
    "read_picture",
]
