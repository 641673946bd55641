#!/usr/bin/env bash
# What Gradescope runs once, as root, to build the image: Python 3.11 or later, grader and its libraries, and
# a look at whether the rubric can be run here. Where it fails, the image is not built, and its log says why.
set -euo pipefail
umask 022 # submissions are run by users of their own, who must be able to read the libraries

source=/autograder/source
target=/opt/grader # not below /root or /autograder, which may be shut to those users
export DEBIAN_FRONTEND=noninteractive PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1

find_python() {
    local name
    for name in python3.12 python3.13 python3.11 python3; do
        if "$name" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    return 1
}

chown -R 0:0 "$source"
chmod -R go= "$source"

apt-get update
apt-get install -y --no-install-recommends ca-certificates tzdata
# the strongest isolation, where containers may have it
apt-get install -y --no-install-recommends bubblewrap || echo "setup.sh: no bubblewrap here; going on"
if ! python=$(find_python); then
    apt-get install -y --no-install-recommends python3 python3-venv || true
    python=$(find_python) || apt-get install -y --no-install-recommends python3.11 python3.11-venv
    python=$(find_python)
fi

"$python" -m venv "$target"
if [ -f "$source/pip.conf" ]; then
    export PIP_CONFIG_FILE=$source/pip.conf
fi
# One call for all: torch and torchvision are built for each other, and come from the same place.
"$target/bin/python" -m pip install --constraint "$source/constraints.txt" \
    --requirement "$source/requirements.txt" "$source"/grader-*.whl

"$target/bin/python" -I -B -m grader.grading.bundle.run --check /autograder
