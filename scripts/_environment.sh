# shellcheck shell=sh
# Sourced by the other scripts, which set $root, the repository's folder, first.
# `environment FILE...` makes the virtual environment where $CHATLAKE_VENV says
# (.venv in the repository when it says nothing), installs every requirements
# file that changed since it was last installed, and puts the environment's
# commands first on PATH. A lock on the folder around it lets scripts start at the
# same time, and an environment whose making was cut short is made anew.

: "${root:?set it before sourcing this file}"
# Nothing that a script makes, the environment included, is writable by others.
umask go-w
venv=${CHATLAKE_VENV:-.venv}
case $venv in
    /*) ;;
    *) venv=$root/$venv ;;
esac

say() {
    printf 'chatlake: %s\n' "$*" >&2
}

die() {
    say "$*"
    exit 1
}

# The checksum of what a requirements file held when it was last installed.
stamp_of() {
    printf '%s/.installed-%s\n' "$venv" "$(basename -- "$1")"
}

# Python writes bin/activate last, so an environment that has it is whole.
is_made() {
    [ -e "$venv/bin/activate" ]
}

is_installed() {
    is_made && [ "$(cat "$(stamp_of "$1")" 2>/dev/null)" = "$(sha256sum <"$root/$1")" ]
}

find_python() {
    for candidate in python3.11 python3; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    die 'needs Python 3.11 or newer. On Debian: apt-get install python3 python3-venv'
}

make_venv() {
    python=$(find_python)
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        die "$python has no venv module. On Debian: apt-get install python3-venv"
    # --clear below empties the folder, so it must not hold anything else.
    if [ ! -e "$venv/pyvenv.cfg" ] && [ -n "$(ls -A "$venv" 2>/dev/null)" ]; then
        die "$venv holds something else than a virtual environment: move it away first"
    fi
    say "making the virtual environment $venv"
    trap 'rm -rf -- "$venv"' EXIT
    trap 'exit 1' HUP INT TERM # some shells run the EXIT trap only when they exit by themselves
    "$python" -m venv --clear "$venv"
    trap - EXIT HUP INT TERM
}

# A subshell, so that the lock is released at its end and a server started later doesn't hold it.
install() (
    mkdir -p -- "$(dirname -- "$venv")"
    exec 9<"$(dirname -- "$venv")"
    flock -n 9 || {
        say 'another script is installing: waiting for it'
        flock 9
    }
    is_made || make_venv
    for file in "$@"; do
        if ! is_installed "$file"; then
            say "installing $file"
            checksum=$(sha256sum <"$root/$file")
            rm -f -- "$(stamp_of "$file")"
            # The requirements name every package, with the hashes of its files.
            "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
                --require-hashes --no-deps --requirement "$root/$file"
            printf '%s\n' "$checksum" >"$(stamp_of "$file")"
        fi
    done
)

environment() {
    for wanted in "$@"; do
        if ! is_installed "$wanted"; then
            install "$@"
            break
        fi
    done
    PATH=$venv/bin:$PATH
    export PATH
}
