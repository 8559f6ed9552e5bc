#!/usr/bin/env bash
# The harness calls this before every run. Makes the executables of all stages, and the announcement of parameters and model.
#
# usage: scripts/build_task.sh ./submissions/mnist
#
# All executables are links to one program, which `scripts/fhe-benchmark` of sottovoce builds and installs.
set -euo pipefail
folder=${1:?usage: scripts/build_task.sh FOLDER}
program=$folder/build/sottovoce-fhe-benchmark
if [ ! -x "$program" ]; then
    echo "error: there is no program $program; install it with scripts/fhe-benchmark of sottovoce" >&2
    exit 1
fi
for stage in server_get_params client_key_generation server_upload_ek server_preprocess_model client_preprocess_input \
    client_encode_encrypt_input server_encrypted_compute client_decrypt_decode client_postprocess; do
    # The harness would run this file instead.
    if [ -e "$folder/$stage.py" ]; then
        echo "error: $folder/$stage.py is another submission's stage, which the harness would run; remove it" >&2
        exit 1
    fi
    ln -sf sottovoce-fhe-benchmark "$folder/build/$stage"
done
exec "$program" publish
