"""Small files in the format of MNIST, for tests."""

import struct

import numpy as np


def idx(array: np.ndarray) -> bytes:
    """The content of an idx file of an array of uint8."""
    header = b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def bars(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 28, 28) of bars whose thickness is one more than their digit, and the digits (n,), uint8."""
    digits = np.arange(n, dtype=np.uint8) % 10
    images = np.zeros((n, 28, 28), dtype=np.uint8)
    for image, digit in zip(images, digits, strict=True):
        image[4:24, 14 - digit // 2 - 1 : 14 + (digit + 1) // 2] = 255
    return images, digits
