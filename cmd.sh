# shellcheck shell=bash
# How jobs are run: this machine by default. For a cluster name Kaldi's slurm.pl or queue.pl here, with its options.
export run_cmd=${run_cmd:-utils/run.sh}
# How training is started. For several GPUs or machines: "torchrun --nproc-per-node 2 -m -- pysed".
export train_cmd=${train_cmd:-pysed}
