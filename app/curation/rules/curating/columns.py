"""Columns of numbers in temporary files, so that memory holds only those that are in use."""

from collections.abc import Mapping
from io import BufferedWriter
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from app.state.spill import spill_folder


class StoredColumns:
    """Columns of as many numbers each, which are written part by part and read as a whole.

    It is a context manager, which removes the files.
    """

    def __init__(self) -> None:
        """Make a folder for the files.

        Raises:
            OSError: It can't be made.
        """
        self._folder = TemporaryDirectory(dir=spill_folder(), prefix="columns-")
        self._types: dict[str, np.dtype[Any]] = {}
        self._files: dict[str, BufferedWriter] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for file in self._files.values():
            file.close()
        self._folder.cleanup()

    def append(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Append the numbers of further rows.

        Args:
            columns: The numbers of each column, always of the same columns and types.

        Raises:
            OSError: The disk is full.
        """
        for name, values in columns.items():
            if name not in self._files:
                self._types[name] = values.dtype
                self._files[name] = self._path(name).open("wb")
            self._files[name].write(np.ascontiguousarray(values).data)

    def read(self, name: str) -> NDArray[Any]:
        """Return a column into memory. It is empty if nothing was ever appended."""
        if name not in self._types:
            return np.zeros(0, np.int64)
        self._files[name].flush()
        return np.fromfile(self._path(name), self._types[name])

    def _path(self, name: str) -> Path:
        return Path(self._folder.name, name)
