"""Detection networks, one module each: a new network is one file here, or in a folder that ``PYSED_NETWORKS`` names.

Compiled layers come from ``native``; ``train``, ``detect``, ``bench`` build networks with ``build_model``. A model's
name is a module's name, looked up among the files of these folders: nothing that a checkpoint says is imported.
"""

import importlib
import os
import pkgutil
from typing import TYPE_CHECKING, Protocol

from pysed.errors import DataError

if TYPE_CHECKING:
    from pysed.networks.network import DetectionNetwork

#: Environment variable: more folders with networks, joined as PATH is. Their files are run as part of the program.
FOLDERS = "PYSED_NETWORKS"
__path__.extend(os.path.abspath(folder) for folder in os.environ.get(FOLDERS, "").split(os.pathsep) if folder)


class System(Protocol):
    """What of a system's configuration builds its network: SystemConfig of ``train``."""

    @property
    def system(self) -> str:
        """The system's name."""

    @property
    def model(self) -> str:
        """The network's name."""

    @property
    def frontend(self) -> str:
        """The front end's name."""

    @property
    def network(self) -> object:
        """The network's own configuration."""

    @property
    def folds(self) -> int:
        """How many networks it is the mean of."""


def model_names() -> list[str]:
    """The networks that are there."""
    return [name for name in _modules() if _network_in(name)]


def network_class(model: str) -> type["DetectionNetwork"]:
    """The network of a name. Raises DataError for an unknown one."""
    network = _network_in(model) if model in _modules() else None
    if network is None:
        folders = f" (also looked in {', '.join(__path__[1:])})" if len(__path__) > 1 else ""
        raise DataError(f"model {model!r}: unknown; one of {', '.join(model_names())}{folders}")
    return network


def _modules() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def _network_in(name: str) -> type["DetectionNetwork"] | None:
    """The network that a module of this package defines, if it does."""
    from pysed.networks.network import DetectionNetwork

    module = importlib.import_module(f"{__name__}.{name}")
    for value in vars(module).values():
        here = isinstance(value, type) and value.__module__ == module.__name__
        if here and issubclass(value, DetectionNetwork) and "Config" in vars(value):
            return value
    return None


def build_model(
    config: System, num_features: int, asr_dim: int = 0, frames_per_label: int = 2, num_scenes: int = 0
) -> "DetectionNetwork":
    """The network of a system, freshly initialised; ``num_features`` is F, ``asr_dim`` is A (0: none). With ``folds``
    above 1 an Ensemble of that many.

    Raises DataError for inputs that the network does not take.
    """
    from pysed.networks.network import Inputs

    network = network_class(config.model)
    inputs = Inputs(config.system, config.frontend, num_features, asr_dim, frames_per_label, num_scenes)
    network.check_inputs(config.model, inputs)
    if config.folds > 1:
        from pysed.networks.ensemble import Ensemble

        return Ensemble([network(config.network, inputs) for _ in range(config.folds)], num_features, asr_dim)
    return network(config.network, inputs)
