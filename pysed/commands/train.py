"""``pysed train``: one system, one event class, one seed."""

import json
import os
import shlex
import sys
from pathlib import Path

from pysed.commands.options import CommandParser
from pysed.errors import DataError


def command_parser() -> CommandParser:
    """The options of ``pysed train``."""
    parser = CommandParser(
        prog="pysed train",
        description="Train a detector on a data directory. An interrupted run resumes where it stopped.",
        epilog="Example: pysed train --system conf/systems/gradual.yaml --data data/demo/babycry/devtrain "
        "--event babycry --out exp/demo/babycry/gradual. On several GPUs or machines: "
        "torchrun --nproc-per-node 2 -m -- pysed train ...",
    )
    parser.add_argument(
        "--system", required=True, metavar="YAML", help="the system's configuration, conf/systems/*.yaml"
    )
    parser.add_argument("--data", required=True, metavar="DIR", help="data directory with features and utt2split")
    parser.add_argument("--event", required=True, help="event class, as events.tsv names it")
    parser.add_argument("--out", required=True, metavar="DIR", help="where final.pt, metrics.csv, train.log go")
    parser.add_argument("--seed", type=int, default=1, help="the number that random draws start from (1)")
    parser.add_argument("--epochs", type=int, help="instead of the configuration's")
    parser.add_argument("--asr", metavar="DIR", help="ASR model that made prefinal.scp; noted in the checkpoint")
    parser.add_argument("--layer", default="prefinal-l", help="its node (%(default)s)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one configuration key")
    parser.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="folds trained side by side, on a processor: each has its share of the cores, or OMP_NUM_THREADS threads "
        "(as many as there are cores; 1 where OMP_NUM_THREADS is set)",
    )
    parser.add_argument("--print-config", action="store_true", help="only print the resolved configuration")
    return parser


def main(argv: list[str]) -> int:
    """Run ``pysed train``; returns the exit code."""
    options = command_parser().parse_args(argv)

    from pysed.detector.config import load_config, parse_changes

    changes = parse_changes(options.set)
    if options.epochs is not None:
        if "epochs" in changes:
            raise DataError(
                f"--set epochs={changes['epochs']}: --epochs {options.epochs} sets it too; give one of them"
            )
        changes.update(epochs=options.epochs)
    config = load_config(options.system, changes)
    if options.asr and not config.asr:
        raise DataError(f"--asr {options.asr}: {options.system} takes no recogniser's features; leave it out")
    if not 0 <= options.seed < 2**63:
        raise DataError(f"pysed train: --seed {options.seed}; expected 0 to 2^63 - 1")
    if options.jobs is not None and options.jobs < 1:
        raise DataError(f"pysed train: --jobs {options.jobs}; expected 1 or more")
    if not options.print_config and not Path(options.data).is_dir():
        raise DataError(f"{options.data}: no such folder; expected a data directory; run the stages before")
    frontend = load_frontend_values(config.frontend, Path(options.system))
    if options.print_config:
        print(json.dumps({"system": config.as_dict(), "frontend": frontend}, sort_keys=True))
        return 0
    asr = note_recogniser(options.asr, options.layer) if config.asr else None

    from pysed import parallel
    from pysed.train.engine import Task, train
    from pysed.train.failures import is_memory_short

    parallel.start()
    try:
        command = os.environ.get("PYSED_COMMAND") or shlex.join(["pysed", "train", *argv])
        jobs = options.jobs or (1 if os.environ.get("OMP_NUM_THREADS") else len(os.sched_getaffinity(0)))
        task = Task(config, options.event, options.seed, asr, frontend, command)
        train(task, options.data, options.out, jobs=jobs)
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except RuntimeError as error:
        if is_memory_short(error):
            raise MemoryError from None
        raise
    finally:
        parallel.stop()
    return 0


def note_recogniser(model: str | None, layer: str) -> dict:
    """What the checkpoint notes of the recogniser, so that detection makes the same features or refuses."""
    if model is None:
        return {"model": None, "layer": layer}
    from pysed.kaldi.model_folder import read_model_folder

    return {"model": model, "layer": layer, "settings": read_model_folder(model).fingerprint()}


def load_frontend_values(name: str, system_yaml: Path) -> dict:
    """``conf/frontends/<name>.yaml`` beside the systems' folder, or of the recipe, as plain values."""
    from pysed.features.frontend import load_frontend

    beside = system_yaml.resolve().parent.parent / "frontends"
    return load_frontend((beside if beside.is_dir() else Path("conf/frontends")) / f"{name}.yaml").as_dict()
