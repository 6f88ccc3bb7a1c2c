# shellcheck shell=bash
# How jobs are run: this machine by default. For a Slurm cluster "utils/slurm.sh --partition=cpu --mem=4G", with
# sbatch's options; Kaldi's slurm.pl or queue.pl serve as well.
export run_cmd=${run_cmd:-utils/run_jobs.sh}
# The same for training, a job a model. For GPUs of a Slurm cluster "utils/slurm.sh --gres=gpu:1".
export train_run_cmd=${train_run_cmd:-$run_cmd}
# What trains one model. For several GPUs or machines: "torchrun --standalone --nproc-per-node 2 -m -- pysed".
export train_cmd=${train_cmd:-pysed}
