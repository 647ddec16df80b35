# Every recipe makes or refreshes .venv by itself. `just` alone lists them.

set positional-arguments

bin := justfile_directory() / ".venv/bin"

[private]
default:
    @"{{ just_executable() }}" --list --unsorted

# Run scenarios, all or the named ones, and write runs/<id>/report.html
[no-exit-message]
backtest *ARGS: (setup "run")
    "{{ bin }}/lockstep" backtest "$@"

# Trade a scenario live on paper, at a local venue where there are no keys
[no-exit-message]
live *ARGS: (setup "dev")
    "{{ bin }}/lockstep" live "$@"

# Write a small strategy, its scenario and its test into a folder of that name
[no-exit-message]
new NAME: (setup "run")
    "{{ bin }}/lockstep" new "$1"

# Run the tests; arguments go to pytest
[no-exit-message]
test *ARGS: (setup "dev")
    "{{ bin }}/pytest" -n 2 "$@"

# Measure replay speed next to a bare loop and vectorbt
[no-exit-message]
bench *ARGS: (setup "dev")
    "{{ bin }}/lockstep" bench "$@"

# Look for leaks in scenarios, strategies, features, jobs and pipelines; none named means all bundled scenarios
[no-exit-message]
leakage *ARGS: (setup "dev")
    "{{ bin }}/lockstep" leaks "$@"

# Check format, lint and types
lint: (setup "dev")
    "{{ bin }}/ruff" format --check
    "{{ bin }}/ruff" check
    "{{ bin }}/mypy"

# Bring format and imports into shape
format: (setup "dev")
    "{{ bin }}/ruff" format
    "{{ bin }}/ruff" check --fix

# Resolve constraints.txt anew, keeping its pins; `just lock --upgrade` renews them all
lock *ARGS: (setup "dev")
    UV_CUSTOM_COMPILE_COMMAND="just lock" "{{ bin }}/uv" pip compile pyproject.toml --quiet --all-extras \
        --universal --python-version 3.11 --fork-strategy fewest --annotation-style line --output-file constraints.txt "$@"

# Remove .venv, builds and the caches of tools; runs and stores stay
clean:
    rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
    find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Make or refresh .venv: `run` for backtests, `dev` for tests and benchmarks too, `all` for everything
setup LEVEL="dev":
    #!/usr/bin/env bash
    set -euo pipefail
    cd "{{ justfile_directory() }}"
    exec 1>&2 # standard output belongs to the command that follows
    unset PYTHONHOME PYTHONPATH VIRTUAL_ENV
    case "$1" in
        run) extras=samples; enough="run dev all" ;;
        dev) extras=samples,research,live,dev; enough="dev all" ;;
        all) extras=all; enough=all ;;
        *) echo "setup: unknown level '$1'; choose run, dev or all"; exit 2 ;;
    esac
    fit='import sys; sys.exit(sys.version_info < (3, 11))'
    wanted=$(cat pyproject.toml setup.py constraints.txt | cksum)
    # A copied or half-made environment would run another folder's code, or nothing.
    if [ "$(cat .venv/.lockstep-home 2>/dev/null)" = "$PWD" ] && .venv/bin/python -c "$fit" 2>/dev/null; then
        for level in $enough; do
            [ "$(cat ".venv/.lockstep-$level" 2>/dev/null)" != "$wanted" ] || exit 0
        done
    else
        for python in python3.13 python3.12 python3.11 python3 none; do
            ! "$python" -c "$fit" 2>/dev/null || break
        done
        if [ "$python" = none ]; then
            echo "setup: no Python 3.11 or newer found on PATH; install one and run this again"
            exit 1
        fi
        echo "setup: making .venv with $("$python" --version)"
        rm -rf .venv
        if "$python" -c 'import ensurepip' 2>/dev/null; then
            "$python" -m venv .venv
        else # Debian ships ensurepip apart; the pip outside fills the environment just as well
            "$python" -m venv --without-pip .venv
            "$python" -m pip --python .venv/bin/python install --quiet pip
        fi
        echo "$PWD" >.venv/.lockstep-home
    fi
    echo "setup: installing lockstep[$extras] into .venv from constraints.txt (once; a few minutes at most)"
    pip() { PYTHONWARNINGS=ignore .venv/bin/python -m pip --disable-pip-version-check "$@"; }
    pip install --quiet --constraint constraints.txt setuptools # builds the editable install, pinned as well
    pip install --quiet --no-deps --no-build-isolation --editable .
    pip install --quiet --constraint constraints.txt "lockstep[$extras]" # its dependencies build in isolation
    echo "$wanted" >".venv/.lockstep-$1"
    echo "setup: .venv is ready"
