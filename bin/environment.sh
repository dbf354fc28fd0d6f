# Sourced by bin/demo and bin/test: finds Python, makes .venv in the checkout, installs
# the pinned packages when they changed. Nothing is written outside the checkout.
# Needs $root; sets $python.

say() { printf '%s\n' "$*" >&2; }

# Nothing of the caller's own Python may leak in, and no cache is put in the home folder.
unset PYTHONHOME PYTHONPATH
export PYTHONNOUSERSITE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
[ -n "${PIP_CACHE_DIR:-}" ] || export PIP_NO_CACHE_DIR=1

python="$root/.venv/bin/python"

_fits() { "$1" -c 'import sys; sys.exit(not sys.version_info >= (3, 11))' >/dev/null 2>&1; }
_makes_environments() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

find_python() {
    # Prints a Python that fits; says what is wrong and fails when there is none.
    local candidate old="" bare=""
    for candidate in "${PYTHON:-python3}" python3 python3.13 python3.12 python3.11 python3.14 \
        /usr/bin/python3 /usr/local/bin/python3; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        if ! _fits "$candidate"; then
            case "$("$candidate" -V 2>&1)" in Python*) old="$("$candidate" -V 2>&1)" ;; esac
        elif ! _makes_environments "$candidate"; then
            bare="$candidate"
        else
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    if [ -n "$bare" ]; then
        say "$bare has no venv module. On Debian and Ubuntu: apt-get install python3-venv"
    else
        say "Onestile needs Python 3.11 or newer, and found ${old:-no Python}."
        say "Install one from your system's packages or python.org, or name it: PYTHON=/path/to/python3.11 $0"
    fi
    return 1
}

make_environment() {
    if [ -x "$python" ] && _fits "$python" && "$python" -c 'import pip' >/dev/null 2>&1; then
        return 0
    fi
    local base
    base="$(find_python)" || exit 1
    say "Making the Python environment in .venv ($("$base" -V 2>&1)) ..."
    rm -rf "$root/.venv"
    "$base" -m venv "$root/.venv" || exit 1
}

install_pinned() {
    # Installs a requirements file unless exactly these pins were installed already.
    local wanted="$1" stamp sum
    stamp="$root/.venv/.installed-$(printf '%s' "$wanted" | tr '/' '-')"
    sum="$(cd "$root" && cat requirements.txt "$wanted" | cksum)"
    [ "$(cat "$stamp" 2>/dev/null)" = "$sum" ] && return 0
    say "Installing the packages of $wanted, once ..."
    (cd "$root" && "$python" -m pip install --quiet --requirement "$wanted") || {
        say "The packages could not be installed; pip's own words are above."
        exit 1
    }
    printf '%s\n' "$sum" >"$stamp"
}
