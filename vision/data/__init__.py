"""Data sets: what they look like in memory, where they come from, and the ones that are rendered."""

from vision.data.folder import load_folder
from vision.data.images import DataError, ImageSet, to_bytes, to_unit
from vision.data.npz import load_npz

__all__ = ["DataError", "ImageSet", "load_folder", "load_npz", "to_bytes", "to_unit"]
