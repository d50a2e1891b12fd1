"""The small picture of a map in the list of maps."""

from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.maps.clusters.finding import UNCLUSTERED
from app.maps.points.projection import Coordinates

WIDTH: Final = 640
HEIGHT: Final = 400
_MARGIN: Final = 16
_FEW_POINTS: Final = 10_000
_PALETTE_COLOURS: Final = 256
_GREY: Final = (176, 180, 190)
# Tableau's ten colours: https://www.tableau.com/blog/colors-upgrade-tableau-10-56782
_COLOURS: Final = np.array(
    [
        (78, 121, 167),
        (242, 142, 43),
        (225, 87, 89),
        (118, 183, 178),
        (89, 161, 79),
        (237, 201, 72),
        (176, 122, 161),
        (255, 157, 167),
        (156, 117, 95),
        (134, 188, 182),
    ],
    np.float64,
)


def draw_picture(coordinates: Coordinates, labels: NDArray[np.int64]) -> bytes:
    """Return a PNG of points, coloured by cluster and more opaque where there are more points.

    Args:
        coordinates: Coordinates of at least one point.
        labels: Number of each point's cluster, or `UNCLUSTERED`.
    """
    columns, rows = _pixels(coordinates)
    colours = _COLOURS[labels % len(_COLOURS)]
    colours[labels == UNCLUSTERED] = _GREY
    ink = np.zeros((HEIGHT, WIDTH))
    colour = np.zeros((HEIGHT, WIDTH, 3))
    # A point is a small disc: a single pixel is hardly visible when there are few points.
    radius = 2 if len(coordinates) < _FEW_POINTS else 1
    for dx, dy in _disc(radius):
        at = (np.clip(rows + dy, 0, HEIGHT - 1), np.clip(columns + dx, 0, WIDTH - 1))
        np.add.at(ink, at, 1.0)
        np.add.at(colour, at, colours)
    mean = colour / np.maximum(ink, 1)[..., None]
    opacity = 1 - np.exp(-ink * _opacity(len(coordinates)))
    pixels = 255 + (mean - 255) * opacity[..., None]
    encoded = BytesIO()
    picture = Image.fromarray(pixels.round().astype(np.uint8), "RGB")
    # A palette makes it a third as large, which nobody sees: 82 kB of 259 for 100,000 points.
    picture = picture.quantize(_PALETTE_COLOURS, dither=Image.Dither.NONE)
    picture.save(encoded, "PNG", optimize=True)
    return encoded.getvalue()


def _pixels(coordinates: Coordinates) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pixel columns and pixel rows of points, with one scale for both axes."""
    least, most = coordinates.min(axis=0), coordinates.max(axis=0)
    extent = np.maximum(most - least, 1e-6)
    room = np.array([WIDTH - 2 * _MARGIN, HEIGHT - 2 * _MARGIN])
    scale = (room / extent).min()
    x, y = ((coordinates - (least + most) / 2) * scale).T
    # Rows of a picture are counted from its top.
    return (WIDTH / 2 + x).astype(np.int64), (HEIGHT / 2 - y).astype(np.int64)


def _disc(radius: int) -> list[tuple[int, int]]:
    reach = range(-radius, radius + 1)
    return [(dx, dy) for dx in reach for dy in reach if dx * dx + dy * dy <= radius * radius]


def _opacity(points: int) -> float:
    """Return the opacity of a single point, which is lower when there are more points."""
    return float(np.clip(3_000 / points, 0.15, 1.5))
