from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.maps.clusters.finding import UNCLUSTERED
from app.maps.files.picture import HEIGHT, WIDTH, draw_picture
from app.maps.points.projection import Coordinates


def pixels(coordinates: Coordinates, labels: NDArray[np.int64]) -> np.ndarray:
    """Return a picture's pixels."""
    with Image.open(BytesIO(draw_picture(coordinates, labels))) as image:
        assert (image.format, image.size) == ("PNG", (WIDTH, HEIGHT))
        return np.asarray(image.convert("RGB"))


def test_points_are_drawn_where_they_lie_in_the_colours_of_their_clusters() -> None:
    drawn = pixels(np.array([[-1, 0], [1, 0]], np.float32), np.array([0, 1]))
    left, right = drawn[HEIGHT // 2, 16], drawn[HEIGHT // 2, WIDTH - 16]
    assert left[2] > left[0], "blue"
    assert right[0] > right[2], "orange"
    assert (drawn[: HEIGHT // 4] == 255).all()


def test_y_grows_upwards() -> None:
    drawn = pixels(np.array([[0, 0], [0, 1], [0.1, 1]], np.float32), np.array([0, 0, 0]))
    ink = (drawn < 255).any(axis=2).sum(axis=1)
    assert ink[: HEIGHT // 2].sum() > ink[HEIGHT // 2 :].sum()


@pytest.mark.parametrize("rows", [1, 20_000])
def test_one_point_and_many_make_a_picture(rows: int) -> None:
    coordinates = np.zeros((rows, 2), np.float32)
    drawn = pixels(coordinates, np.full(rows, UNCLUSTERED))
    assert (drawn < 255).any()
