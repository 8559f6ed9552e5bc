#!/usr/bin/env bash
# Snakemake 9.27.1, executor plugin slurm-jobstep 0.6.1: with `workdir:`, a relative path in --config works on one machine and fails
# in a Slurm job.
#
# A Slurm job holds two processes of Snakemake, and both read the Snakefile. The first starts where the user started Snakemake. It
# enters the folder of `workdir:`, and from there starts the second with srun, so the path is relative to another folder. The local
# executor changes back before it starts a process. Seen with Slurm 22.05.8; here a script stands in for srun and runs the command.
#
# Output seen:
#   local: done
#   slurm-jobstep: [Errno 2] No such file or directory: 'input.txt'
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
if [ -z "${PYTHON:-}" ]; then
    python3 -m venv venv
    PYTHON=$folder/venv/bin/python
    "$PYTHON" -m pip install --quiet snakemake==9.27.1 snakemake-executor-plugin-slurm==2.8.0 snakemake-executor-plugin-slurm-jobstep==0.6.1
fi
echo text > input.txt
cat > Snakefile << 'END'
text = open(config["input"]).read()
workdir: "results"
rule one:
    output: "out"
    # A `run` block has a process of its own on one machine too.
    run: open(output[0], "w").write(text)
END
mkdir programs
cat > programs/srun << 'END'
#!/usr/bin/env bash
while [[ "$1" == -* ]]; do shift; done
exec "$@"
END
chmod +x programs/srun

"$PYTHON" -m snakemake --cores 1 --config input=input.txt > local.log 2>&1 || { cat local.log; exit 1; }
[ "$(cat results/out)" = text ]
echo "local: done"
if PATH=$folder/programs:$PATH "$PYTHON" -m snakemake --executor slurm-jobstep --jobs 1 --forceall --config input=input.txt > jobstep.log 2>&1; then
    echo "The behaviour changed: the job finds the file."
    exit 1
fi
message="[Errno 2] No such file or directory: 'input.txt'"
grep -qF "$message" jobstep.log || { cat jobstep.log; exit 1; }
echo "slurm-jobstep: $message"
