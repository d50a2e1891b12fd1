"""The FileIO that pyiceberg loads by name; it writes local files durably.

pyiceberg's own local output never calls fsync, so a power cut could leave a committed table whose
files are empty. An object store acknowledges a write only once it is durable, so there pyiceberg's
own output is used.
"""

from pathlib import Path
from typing import cast

from pyiceberg.io import OutputStream
from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO

from catalog.storage.durability import DurableFile

FILE_IO: str = f"{__name__}.DurableFileIO"
"""The value of the catalog property `py-io-impl`."""


class DurableFileIO(PyArrowFileIO):
    """pyiceberg's FileIO, whose local files are synced with their folders when they are closed."""

    def new_output(self, location: str) -> PyArrowFile:
        """Return an output file for this location."""
        output = super().new_output(location)
        scheme, _, path = self.parse_location(location, self.properties)
        if scheme != "file":
            return output
        filesystem = self.fs_by_scheme(scheme, "")
        return _DurableOutputFile(location=location, path=path, fs=filesystem)


class _DurableOutputFile(PyArrowFile):
    def create(self, overwrite: bool = False) -> OutputStream:
        """Open the file for writing.

        Raises:
            FileExistsError: The file exists, and `overwrite` is false.
        """
        if not overwrite and self.exists():
            raise FileExistsError(f"Cannot create file, already exists: {self.location}")
        return cast("OutputStream", DurableFile(Path(self._path)))
