"""Two models that failed at once said ``…numberconf/systems/…`` and an empty line: with PYTHONUNBUFFERED a line and its
end went out one by one."""

import os
import socket
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("pysed", "score", "--event"), 2),
        (("pysed", "roar"), 2),
        (("pysed.kaldi", "copy-feats", "scp:none", "ark:-"), 255),
    ],
)
def test_a_line_goes_out_at_once(command, code):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # keeps one write apart from the next
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with ours, theirs:
        done = subprocess.run([sys.executable, "-m", *command], stderr=theirs, env=environment)
        theirs.close()
        writes = []
        while said := ours.recv(1 << 16):
            writes.append(said)
    assert done.returncode == code
    assert writes and all(each.endswith(b"\n") and len(each) > 1 for each in writes), writes
