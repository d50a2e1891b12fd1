import sys
from pathlib import Path

import pytest

from app.settings import Settings
from tests.scripts.checkout import REPOSITORY, Checkout, finished

SHOW = 'printf "%s|" "${0##*/}" "$PWD" "$@"; echo'
LINTERS = ("ruff", "mypy", "lint-imports", "shellcheck", "hadolint", "check-jsonschema", "pip")


def _shown(name: str, folder: Path, *arguments: str) -> str:
    """Return what a stub with the body SHOW prints."""
    return "|".join([name, str(folder), *arguments, "\n"])


def test_lake_passes_every_argument_and_finds_its_lake_from_anywhere(
    ready: Checkout, tmp_path: Path
) -> None:
    ready.stub("python", SHOW)
    result = ready.run("lake", "release", "build", "a name", "", cwd=tmp_path)
    expected = _shown("python", ready.root, "-m", "app.cli.lake", "release", "build", "a name", "")
    assert (result.returncode, result.stdout) == (0, expected)


def test_lake_alone_lists_the_commands(ready: Checkout) -> None:
    ready.stub("python", SHOW)
    assert ready.run("lake").stdout == _shown("python", ready.root, "-m", "app.cli.lake", "--help")


def test_scripts_work_through_a_link(ready: Checkout, tmp_path: Path) -> None:
    ready.stub("python", SHOW)
    link = tmp_path / "lake"
    link.symlink_to(ready.root / "scripts" / "lake")
    result = finished(ready.start(str(link), "status", cwd=tmp_path))
    assert result.stdout == _shown("python", ready.root, "-m", "app.cli.lake", "status")


def test_ingest_reads_files_where_the_caller_is_and_code_where_it_lies(
    ready: Checkout, tmp_path: Path
) -> None:
    ready.stub("python", f'exec "{sys.executable}" "$@"')
    callers = tmp_path / "callers folder"
    for folder, owner in ((ready.root / "client", "chatlake's"), (callers, "the caller's")):
        folder.mkdir()
        module = f"import pathlib, sys; print({owner!r}, pathlib.Path.cwd(), sys.argv[1:])"
        (folder / "chatlake_client.py").write_text(module)
    result = ready.run("ingest", "my file.json", "--url", "http://x", cwd=callers)
    assert result.stdout == f"chatlake's {callers} ['my file.json', '--url', 'http://x']\n"


def test_serve_says_where_and_becomes_a_gunicorn_that_migrates(
    ready: Checkout, tmp_path: Path
) -> None:
    ready.stub("gunicorn", "echo pid $$; echo $CHATLAKE_DEV $CHATLAKE_MIGRATE; " + SHOW)
    start = ready.start(str(ready.root / "scripts" / "serve"), "--dev", cwd=tmp_path)
    result = finished(start)
    assert result.returncode == 0
    assert result.stdout == (
        f"pid {start.pid}\n1 1\n"  # the same process, so signals reach gunicorn
        + _shown("gunicorn", ready.root, "-c", "gunicorn.conf.py", "wsgi:application")
    )


def test_serve_announces_the_defaults_of_the_settings(ready: Checkout) -> None:
    ready.stub("gunicorn")
    defaults = Settings.from_environment({})
    said = ready.run("serve").stderr
    assert f"http://{defaults.host}:{defaults.port} " in said
    assert f"kept in ./{defaults.home.name}\n" in said


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"CHATLAKE_PORT": "9", "CHATLAKE_HOME": "/lake"}, "http://127.0.0.1:9 "),
        ({"CHATLAKE_HOST": "::1"}, "http://[::1]:8080 "),
    ],
)
def test_serve_prints_its_settings(ready: Checkout, settings: dict[str, str], said: str) -> None:
    ready.stub("gunicorn")
    announced = ready.run("serve", settings=settings).stderr
    assert said in announced
    assert settings.get("CHATLAKE_HOME", "./data") in announced


def test_serve_refuses_an_unknown_option_before_it_does_anything(checkout: Checkout) -> None:
    result = checkout.run("serve", "--reload")
    assert (result.returncode, result.stdout) == (2, "")
    assert "unknown option: --reload" in result.stderr
    assert "usage: scripts/serve" in result.stderr
    assert not checkout.venv.exists()


BY_MODULE = ("--dist", "loadfile", "--no-loadscope-reorder")


def test_test_runs_the_whole_suite_on_every_core(ready: Checkout) -> None:
    ready.stub("pytest", SHOW)
    ready.stub("nproc", "echo 4")
    result = ready.run("test")
    expected = _shown("pytest", ready.root, "--numprocesses", "8", *BY_MODULE)
    assert (result.returncode, result.stdout) == (0, expected)


def test_test_quick_leaves_out_tests_that_need_servers(ready: Checkout) -> None:
    ready.stub("pytest", SHOW)
    ready.stub("nproc", "echo 4")
    result = ready.run("test", "--quick", "-x")
    chosen = ("-m", "not (server or browser or cluster or slow)")
    left_out = ("--ignore", "tests/functional", "--ignore", "tests/faults")
    fewer = ("--hypothesis-profile", "quick", "--durations", "20", "--durations-min", "0.5")
    arguments = (*chosen, "-p", "no:schemathesis", *left_out, *fewer, "-x")
    expected = _shown("pytest", ready.root, "--numprocesses", "6", *BY_MODULE, *arguments)
    assert (result.returncode, result.stdout) == (0, expected)
    assert "chromium" not in result.stderr


def test_test_runs_pytest_with_its_arguments_and_its_failure(ready: Checkout) -> None:
    ready.stub("chromium")
    ready.stub("pytest", SHOW + "; exit 5")
    result = ready.run("test", "-k", "a or b")
    assert (result.returncode, result.stdout) == (5, _shown("pytest", ready.root, "-k", "a or b"))


def test_check_runs_every_linter_and_names_those_that_failed(ready: Checkout) -> None:
    for name in LINTERS:
        ready.stub(name, "exit 1" if name in {"mypy", "hadolint"} else SHOW)
    result = ready.run("check")
    assert result.returncode == 1
    assert result.stdout.endswith("\ncheck: failed: mypy hadolint\n")
    assert _shown("check-jsonschema", ready.root)[:-2] in result.stdout


def test_check_passes_when_every_linter_does(ready: Checkout) -> None:
    for name in LINTERS:
        ready.stub(name)
    assert ready.run("check").returncode == 0


@pytest.mark.parametrize(
    ("said", "passes"),
    [
        ("atlas 1.0 requires torch, which is not installed.", True),
        ("atlases 1.0 requires torch, which is not installed.", False),
        ("atlas 1.0 requires torch.\nflask 3.0 requires click.", False),
        ("", False),
    ],
)
def test_check_ignores_missing_dependencies_of_packages_of_files(
    ready: Checkout, said: str, passes: bool
) -> None:
    for name in LINTERS:
        ready.stub(name)
    (ready.root / "requirements-assets.txt").write_text("# files\natlas==1.0\n")
    stamp = 'sha256sum <requirements-assets.txt >"$(stamp_of requirements-assets.txt)"'
    assert finished(ready.shell(stamp)).returncode == 0
    ready.stub("pip", f"[ $1 != check ] || {{ printf '{said}'; exit 1; }}")
    result = ready.run("check")
    assert (result.returncode == 0) == passes
    assert ("failed: installed\n" in result.stdout) == (not passes)


def test_bench_lists_the_benchmarks(checkout: Checkout) -> None:
    (checkout.root / "benchmarks").mkdir()
    for name in ("ingest.py", "_load.py", "__init__.py"):
        (checkout.root / "benchmarks" / name).touch()
    assert checkout.run("bench").stdout.splitlines()[1:] == ["  ingest"]
    unknown = checkout.run("bench", "speed")
    assert unknown.returncode == 2
    assert "no such benchmark: speed" in unknown.stderr


def test_make_help_lists_every_target() -> None:
    targets = [
        line.split(":")[0]
        for line in (REPOSITORY / "Makefile").read_text().splitlines()
        if line[:1].isalpha() and ":" in line
    ]
    listed = finished(Checkout(REPOSITORY).start("make")).stdout
    assert [line.split()[1] for line in listed.splitlines()] == targets


@pytest.mark.slow
def test_engines_have_an_environment_of_their_own(ready: Checkout, tmp_path: Path) -> None:
    requirements = ready.root / "tests" / "engines" / "requirements.txt"
    requirements.parent.mkdir(parents=True)
    requirements.write_text("# nothing\n")
    ready.stub("java")
    ready.stub("python", SHOW)
    settings = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    result = ready.run("engines", "my file.json", "--rows", "7", cwd=tmp_path, settings=settings)
    python = tmp_path / "cache" / "chatlake" / "engines" / "bin" / "python"
    command = ("-P", "-m", "tests.engines", "--python", str(python), "my file.json", "--rows", "7")
    assert result.stdout == _shown("python", tmp_path, *command)
    assert python.exists()
