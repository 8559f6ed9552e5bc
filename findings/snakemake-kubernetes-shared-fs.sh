#!/usr/bin/env bash
# Snakemake 9.27.1, executor plugin kubernetes 0.5.1: `--shared-fs-usage` is ignored silently.
#
# The help of --shared-fs-usage says that the plugin sets a default and that it is sometimes worth tuning, and the executor can mount
# a volume that all nodes share (--kubernetes-persistent-volumes). But Snakemake empties the set for this executor regardless of the user's
# value, and then requires an object store for inputs and outputs. With the executor slurm the same option is kept.
# Workaround: name any --default-storage-provider, and mark the files that lie in the shared volume with local().
#
# Output seen:
#   kubernetes, --shared-fs-usage input-output persistence sources ...: Error: If no shared filesystem is assumed ...
#   kubernetes, with local() and a storage for only the sources: 1 job planned
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
if [ -z "${PYTHON:-}" ]; then
    python3 -m venv venv
    PYTHON=$folder/venv/bin/python
    "$PYTHON" -m pip install --quiet snakemake==9.27.1 snakemake-executor-plugin-kubernetes==0.5.1 snakemake-storage-plugin-fs==1.1.3
fi
cat > Snakefile << 'END'
rule one:
    output: local("out") if workflow.storage_settings.default_storage_provider else "out"
    shell: "touch {output}"
END
# A dry run submits nothing and needs no cluster.
plan() {
    "$PYTHON" -m snakemake --dry-run --executor kubernetes --jobs 1 "$@" 2>&1
}
everything="input-output persistence sources source-cache software-deployment software-deployment-cache storage-local-copies"
# shellcheck disable=SC2086 # The names are words of their own.
if plan --shared-fs-usage $everything > refused; then
    echo "The behaviour changed: --shared-fs-usage is kept."
    exit 1
fi
message="If no shared filesystem is assumed for input and output files, a default storage provider"
grep -q "$message" refused || { cat refused; exit 1; }
echo "kubernetes, --shared-fs-usage $everything: Error: $message ..."
plan --default-storage-provider fs --default-storage-prefix "$folder/storage" > planned
grep -Eq "^one +1$" planned || { cat planned; exit 1; }
echo "kubernetes, with local() and a storage for only the sources: 1 job planned"
