"""The command ``chatlake-ingest``, which is ``scripts/ingest`` in the repository."""

import enum
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from chatlake_client import jsontext
from chatlake_client.contract import Defaults, Terms
from chatlake_client.dry_run import DryRun
from chatlake_client.errors import ServiceUnavailableError, UnreadableFileError
from chatlake_client.file_sender import FileSender
from chatlake_client.report import RejectedFile, Tally, table, total
from chatlake_client.sender import BulkSender, RowSender
from chatlake_client.upload import checked_url

DEFAULT_URL = "http://127.0.0.1:8080"
DEFAULT_CONCURRENCY = 2
MAX_CONCURRENCY = 16
DEFAULT_RETRIES = 8
DEFAULT_TIMEOUT_S = 30.0


class ExitCode(enum.IntEnum):
    """The exit code of a run."""

    ALL_ACCEPTED = 0
    ROWS_REJECTED = 1
    FAILED = 2
    INTERRUPTED = 130


@dataclass(slots=True)
class IngestRun:
    """All files of one command, one after the other.

    Attributes:
        sender: The sender that all files share.
        terms: How conversations become submissions.
        rejected_rows: The file that rejected rows are written to.
        tallies: The counted outcomes of each file that was begun.
        failures: What went wrong beside rejected rows, in words for the user.
        is_interrupted: Whether the user stopped the run.
    """

    sender: RowSender
    terms: Terms
    rejected_rows: RejectedFile
    tallies: list[Tally] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    is_interrupted: bool = False

    def send(self, files: tuple[Path, ...], progress: Progress) -> None:
        """Send the files up to the last one, or until an interrupt or the loss of the service."""
        for path in files:
            try:
                self._send_one(path, progress)
            except UnreadableFileError as error:
                self.failures.append(str(error))
            except ServiceUnavailableError as error:
                accepted = total(self.tallies).accepted
                self.failures.append(
                    f"{error}\nStopped after {accepted:,} accepted rows. "
                    "Run it again later: these won't be added twice."
                )
                return
            except OSError as error:
                self.failures.append(f"{self.rejected_rows.path}: {error.strerror}")
                return
            if self.is_interrupted:
                return

    def _send_one(self, path: Path, progress: Progress) -> None:
        tally = Tally(click.format_filename(path))
        self.tallies.append(tally)
        task = progress.add_task(escape(tally.name), total=1.0)
        file_sender = FileSender(
            path=path,
            sender=self.sender,
            terms=self.terms,
            rejected_rows=self.rejected_rows,
            tally=tally,
            show_progress=lambda file_share: progress.update(task, completed=file_share),
        )
        file_sender.run()

    def interrupt(self, signal_number: int, _frame: FrameType | None) -> None:
        """Stop after the uploads under way. A second Ctrl-C doesn't wait for them."""
        self.is_interrupted = True
        self.sender.stop()
        signal.signal(signal_number, signal.SIG_DFL)

    @property
    def exit_code(self) -> ExitCode:
        """The exit code for the worst that happened."""
        if self.is_interrupted:
            return ExitCode.INTERRUPTED
        if self.failures:
            return ExitCode.FAILED
        return ExitCode.ROWS_REJECTED if self.rejected_rows.is_written else ExitCode.ALL_ACCEPTED


_SENDING: Final = ("token", "concurrency", "retries", "timeout_s")
"""Options that say how to send, while the others say what."""


def _checked_url(_context: click.Context, _option: click.Parameter, url: str) -> str:
    try:
        return checked_url(url)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command(context_settings={"show_default": True})
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--url", default=DEFAULT_URL, callback=_checked_url, help="The service.")
@click.option(
    "--token",
    envvar="CHATLAKE_TOKEN",
    show_envvar=True,
    help="An API key or contributor key. Others may see your command line: use the variable.",
)
@click.option("--source", help="Where the conversations come from.")
@click.option("--submitter-id", help="Who sends them. Anonymous when not given.")
@click.option("--agent-id", default="unknown", help="The agent they were held with.")
@click.option("--attribution", help="The name to credit.")
@click.option("--terms-version", help="The version of the lake's terms that you agree to.")
@click.option(
    "--concurrency",
    default=DEFAULT_CONCURRENCY,
    type=click.IntRange(1, MAX_CONCURRENCY),
    help="Uploads at a time.",
)
@click.option(
    "--retries",
    default=DEFAULT_RETRIES,
    type=click.IntRange(min=0),
    help="Further attempts for an upload when the service is away or busy.",
)
@click.option(
    "--timeout",
    "timeout_s",
    default=DEFAULT_TIMEOUT_S,
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds to wait for an answer.",
)
@click.option(
    "--rejected",
    "rejected_path",
    default=Path("rejected.jsonl"),
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where rejected rows go, if there are any. Replaced.",
)
@click.option(
    "--lossy",
    is_flag=True,
    help="Send conversations that lose something which carries meaning, instead of rejecting them.",
)
@click.option(
    "--branches",
    is_flag=True,
    help="Send each other path through a tree of messages as a conversation, too.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Send nothing: show what would be lost, and the first three conversations.",
)
@click.pass_context
def ingest(
    context: click.Context,
    /,
    files: tuple[Path, ...],
    url: str,
    rejected_path: Path,
    dry_run: bool,
    **options: Any,
) -> None:
    """Send the conversations in FILEs to a chatlake.

    Reads exports of chat applications, logs of requests to models, and data sets, as JSON, JSONL,
    CSV or Parquet, also in zip, gzip and zstd, and finds out itself which. What a row states itself
    goes before an option.

    Ends with a table of what was sent, and of every key that wasn't taken. A row that would lose
    what carries meaning is rejected, unless --lossy is given.

    Sending a file again adds nothing. Exits with 0 when all rows were accepted, 1 when some were
    rejected, 2 when something else failed, 130 when interrupted.
    """
    if any(rejected_path.exists() and rejected_path.samefile(path) for path in files):
        raise click.UsageError(f"{rejected_path} is read; name another file with --rejected")
    sending = {name: options.pop(name) for name in _SENDING}
    sender = (
        DryRun(lambda body: click.echo(jsontext.indented(body)))
        if dry_run
        else BulkSender(url, **sending)
    )
    with RejectedFile(rejected_path) as rejected_rows:
        run = IngestRun(sender, _terms(**options), rejected_rows)
        with _interruptible(run), _progress() as progress:
            run.send(files, progress)
    if not dry_run:
        _print_outcomes(run)
    _print_summary(run)
    context.exit(run.exit_code)


def _terms(*, lossy: bool, branches: bool, **defaults: str | None) -> Terms:
    return Terms(Defaults(**defaults), is_lossy=lossy, sends_branches=branches)


@contextmanager
def _interruptible(run: IngestRun) -> Iterator[None]:
    previous = signal.signal(signal.SIGINT, run.interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _progress() -> Progress:
    """Return a progress bar on stderr, which shows nothing unless that is a terminal."""
    console = Console(file=sys.stderr)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def _print_outcomes(run: IngestRun) -> None:
    for tally in run.tallies:
        click.echo(tally)
    click.echo(total(run.tallies))


def _print_summary(run: IngestRun) -> None:
    for line in table(total(run.tallies), run.sender.ignored, run.sender.repeated):
        click.echo(line)
    if unowned := run.sender.unowned:
        click.echo(
            f"{unowned:,} conversations can't be withdrawn by you, now or later: they were sent "
            "without a key (see --token and --submitter-id)"
        )
    if run.rejected_rows.is_written:
        click.echo(f"rejected rows: {click.format_filename(run.rejected_rows.path)}")
    for failure in run.failures:
        click.echo(f"Error: {failure}", err=True)
    if run.is_interrupted:
        click.echo("Interrupted. Run it again to go on: nothing is added twice.", err=True)
