"""A streamcast broker with one empty stream, as its README sets one up."""

from pathlib import Path

import _rows
import click
import streamcast
import uvicorn


@click.command()
@click.argument("root", type=click.Path(path_type=Path))
@click.argument("port", type=int)
def main(root: Path, port: int) -> None:
    """Serve a new stream in a folder, with its own maintenance, until stopped."""
    schema = streamcast.from_arrow(_rows.SCHEMA)
    stream = streamcast.Stream.open("rows", create=True, root=root, schema=schema)
    uvicorn.run(
        streamcast.create_app(streams=stream),
        host="127.0.0.1",
        port=port,
        log_level="warning",
        ws_per_message_deflate=False,
    )


if __name__ == "__main__":
    main()
