"""Writing the data files of a release again, without some of their rows."""

import re
from itertools import compress, islice
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app.releases.files.data_files import encoder_of
from app.releases.files.published_rows import PublishedFile
from app.releases.manifest import ReleaseFile
from app.state.checksums import sha256_of
from catalog.storage.durability import DurableFile

_LINES_AT_ONCE: Final = 256
"""Lines that are written at once, since a file has no buffer."""
_END: Final = re.compile(r"(-r\d+)?(?=\.\w+\Z)")


def revised_path(path: str, revision: int) -> str:
    """Return the path that a file has in a revision, such as `parquet/train-00000-r2.parquet`.

    Names sort as those of the first revision do, since rows are in the order of the names.
    """
    return _END.sub(f"-r{revision}", path, count=1)


def rewrite(source: PublishedFile, folder: Path, revision: int, taken: pa.Array) -> ReleaseFile:
    """Write a data file without some rows, as its file format has it; others keep their order.

    Args:
        source: The file.
        folder: Folder of the new revision.
        revision: Number of the new revision.
        taken: For each row of the file, whether it is left out.
    """
    path = revised_path(source.file.path, revision)
    write = _write_parquet if source.file.format == "parquet" else _write_lines
    with DurableFile(folder / path) as file:
        write(source, file, pc.invert(taken))
    written = folder / path
    return ReleaseFile(
        path=path,
        rows=len(taken) - taken.true_count,
        bytes=written.stat().st_size,
        sha256=sha256_of(written),
        format=source.file.format,
        split=source.file.split,
    )


def _write_parquet(source: PublishedFile, file: DurableFile, kept: pa.Array) -> None:
    with pq.ParquetFile(source.filesystem.open_input_file(source.path)) as read:
        encoder = encoder_of("parquet", file, read.schema_arrow)
        begin = 0
        for number in range(read.num_row_groups):
            group = read.read_row_group(number, use_threads=False)
            rows = group.filter(kept.slice(begin, group.num_rows)).combine_chunks()
            if rows.num_rows:
                encoder.write(rows)
            begin += group.num_rows
        encoder.close()


def _write_lines(source: PublishedFile, file: DurableFile, kept: pa.Array) -> None:
    with source.lines() as lines:
        left = compress(lines, kept.to_pylist())
        while some := b"".join(islice(left, _LINES_AT_ONCE)):
            file.write(some)
