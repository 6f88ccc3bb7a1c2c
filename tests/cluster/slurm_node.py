"""A Slurm cluster of one node, this machine; needs root and Debian's slurm-wlm and munge."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "squeue", "sinfo")

CONFIGURATION = """ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
ReturnToService=2
MinJobAge=300
KillWait=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str:
    """Why this machine cannot be a cluster; empty if it can."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"no {', '.join(missing)}: apt-get install slurm-wlm munge"
    return "" if os.geteuid() == 0 else "slurmd needs root"


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def slurm_node(folder: Path) -> Iterator[dict[str, str]]:
    """The environment in which sbatch finds the cluster; everything of it is in ``folder`` and ends with the block."""
    host = socket.gethostname().split(".")[0]
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    settings = folder / "slurm.conf"
    cpus = os.cpu_count() or 1
    ports = {"controller_port": _free_port(), "node_port": _free_port()}
    settings.write_text(CONFIGURATION.format(host=host, folder=folder, cpus=cpus, **ports))
    environment = {**os.environ, "SLURM_CONF": str(settings)}
    commands = (
        [
            "munged",
            "-F",
            "--force",
            f"--key-file={key}",
            f"--socket={folder}/munge.socket",
            f"--pid-file={folder}/m.pid",
        ]
        + [f"--seed-file={folder}/seed", f"--log-file={folder}/munged.log"],
        ["slurmctld", "-D", "-c"],
        ["slurmd", "-D", "-N", host],
    )
    started = []
    try:
        for command in commands:
            with open(folder / f"{command[0]}.out", "wb") as out:
                started.append(subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT))
            time.sleep(1)
        for _ in range(60):
            state = subprocess.run(["sinfo", "-h", "-o", "%t"], env=environment, capture_output=True, text=True).stdout
            if state.strip() == "idle":
                break
            time.sleep(1)
        else:
            logs = "".join((folder / f"{command[0]}.out").read_text()[-2000:] for command in commands)
            raise RuntimeError(f"the node is {state.strip() or 'not there'}, not idle\n{logs}")
        yield environment
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(30)
