#!/bin/sh
# Makes the virtual environment that everything here runs in.
# Usage: local/venv.sh FOLDER REQUIREMENTS
set -eu
folder=$1
requirements=$2

# Prints the first Python on PATH that is new enough.
find_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    echo "everpull needs Python 3.11 or later, and none of python3, python3.14 ... python3.11 on PATH is." >&2
    return 1
}

# Debian's python3 comes without the module that puts pip into a virtual environment.
ensure_venv_module() {
    if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        return
    fi
    version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "$python cannot make virtual environments. Install ${version}-venv, then try again." >&2
        return 1
    fi
    echo "installing ${version}-venv" >&2
    if ! output=$(apt-get update 2>&1 && DEBIAN_FRONTEND=noninteractive apt-get install --yes "${version}-venv" 2>&1); then
        printf '%s\n' "$output" >&2
        return 1
    fi
}

python=$(find_python)
ensure_venv_module
echo "installing Python packages into $folder" >&2
# Cleared only when it can't be used as it is: a checkout that was moved leaves scripts that point to the old place.
if ! "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
    "$python" -m venv --clear "$folder"
fi
"$folder/bin/python" -m pip install --quiet --requirement "$requirements"
