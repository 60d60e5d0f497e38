#!/bin/sh
# Records the files of `record_versions.py` with each version of Keras, in environments of their own under
# `.venv-versions` at the project's root. Needs a Python that TensorFlow 2.15 exists for (3.9 to 3.11).
#
#   interop/versions.sh [NAME...]      of: 2.15 3.0 3.5 3.15; all without a name
#
# 2.15 is tf-keras on TensorFlow, 3.0 and 3.5 run on JAX, 3.15 on TensorFlow: so both kinds of the
# optimizer's counter (64 bits and 32) are among the files.
set -eu
cd "$(dirname "$0")/.."
environments=.venv-versions

requirements() {
    case "$1" in
    2.15) echo tf-keras==2.15.1 tensorflow-cpu==2.15.1 numpy==1.26.4 h5py==3.11.0 ;;
    3.0) echo keras==3.0.5 jax==0.4.26 jaxlib==0.4.26 scipy==1.12.0 numpy==1.26.4 h5py==3.11.0 packaging==24.0 ;;
    3.5) echo keras==3.5.0 jax==0.4.26 jaxlib==0.4.26 scipy==1.12.0 numpy==1.26.4 h5py==3.11.0 packaging==24.0 ;;
    3.15) cat interop/requirements.txt ;;
    *) echo "no version $1; there are 2.15, 3.0, 3.5 and 3.15" >&2 && exit 2 ;;
    esac
}

[ $# -gt 0 ] || set -- 2.15 3.0 3.5 3.15
for version; do
    environment=$environments/$version
    wanted=$(requirements "$version")
    if [ "$(cat "$environment/requirements.txt" 2>/dev/null)" != "$wanted" ]; then
        rm -rf "$environment"
        python3 -m venv "$environment"
        # shellcheck disable=SC2086
        "$environment/bin/python" -m pip install --quiet --disable-pip-version-check $wanted >&2
        echo "$wanted" >"$environment/requirements.txt"
    fi
    "$environment/bin/python" interop/record_versions.py "$version"
done
