"""Two processes of a training ended, and one aborted now and then: a thread of their group outlived Python.

Functions of ``torch.distributed.nn`` hold the group for good if that module is imported once the group stands.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ENDS = """
import os, torch
from pysed import parallel

parallel.start()
values = torch.full((3,), 1.0 + parallel.rank(), requires_grad=True)
(parallel.differentiable_sum(values) * (1 + parallel.rank())).sum().backward()
assert values.grad.tolist() == [3.0] * 3, values.grad
assert parallel.gathered("a") == ["a", "a"] and parallel.from_first(parallel.rank()) == 0
import torch.distributed.nn
parallel.stop()
threads = [open(f"/proc/self/task/{thread}/comm").read() for thread in os.listdir("/proc/self/task")]
os.write(1, f"{[name for name in threads if 'gloo' in name]}\\n".encode())
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="no /proc to see threads by")
def test_no_thread_of_the_group_is_left(tmp_path, root):
    (tmp_path / "ends.py").write_text(ENDS)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run([*command, tmp_path / "ends.py"], capture_output=True, text=True, timeout=120, cwd=root)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[]", "[]"]
