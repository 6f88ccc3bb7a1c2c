"""Digests of the code that makes a result: of those definitions only that it can reach; comments do not count.

Imports and names are followed statically from the given roots. A root is ``pysed.package.module`` (all of it) or
``pysed.package.module:function``, the name of a Kaldi command, a shell script (holding a '/'), or
``pysed.package=module``: of modules that the package imports by a computed name, this one is meant; ``-pysed.module``:
that one is not used, though the code could.
C sources and pages that lie beside a module which names them count as its code.
"""

import json
import os
from collections.abc import Iterable

from pysed.freshness import closure
from pysed.freshness.files import ROOT, cache_folder, digest, file_state, read_json, write_json


def code_of(roots: Iterable[str]) -> dict[str, str]:
    """File, relative to the repository (or ``$KALDI_ROOT``) -> digest of what the roots reach in it.

    Remembered in the user's cache by size and time of the files.
    """
    names = sorted(set(roots))
    places = [os.environ.get(name, "") for name in ("KALDI_ROOT", "PYSED_NETWORKS")]
    place = os.path.join(cache_folder(), f"code-{digest(json.dumps([ROOT, os.getcwd(), places, names]))}.json")
    known = read_json(place)
    if known and all(file_state(path) == state for path, state in known["files"].items()):
        return known["code"]
    code, files = closure.follow(names)
    write_json(place, {"files": {path: file_state(path) for path in files}, "code": code})
    return code
