"""Why a training failed after its first epoch was hidden behind that epoch's line, which tells an error rate."""

from tiny_recipe import run_in

EPOCH = "epoch 1 steps 8 loss 0.73 f_measure 1 error_rate 0 seconds 3.91"
REASON = "exp/checkpoint.pt: No space left on device"


def test_the_reason_is_told(recipe, tmp_path):
    log = tmp_path / "job.log"
    done = run_in(recipe, "utils/run_jobs.sh", log, "bash", "-c", f"echo '{EPOCH}'; echo '{REASON}' >&2; exit 2")
    assert done.returncode == 2
    assert f"job failed: {REASON}; log: {log}" in done.stderr
