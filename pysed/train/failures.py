"""Why a run cannot go on: the first culprit along the way, named for whoever has to mend it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from pysed.detector.config import SystemConfig
from pysed.errors import DataError


def what_is_not_finite(
    config: SystemConfig, epoch: int, step: int, logits: torch.Tensor, loss: torch.Tensor, model: torch.nn.Module
) -> str:
    """The message for a step whose gradient is not a number."""
    if not torch.isfinite(logits).all():
        cause = "the network's output"
    elif not torch.isfinite(loss):
        cause = "the loss"
    else:
        named = (
            name for name, p in model.named_parameters() if p.grad is not None and not torch.isfinite(p.grad).all()
        )
        cause = f"the gradient of {next(named, 'the weights')}"
    return not_finite(config, cause, epoch, step)


def not_finite(config: SystemConfig, cause: str, epoch: int, step: int) -> str:
    """The message that names the cause, the place and what helps."""
    return (
        f"{config.system}: {cause} is not finite in epoch {epoch}, step {step + 1}; expected numbers; "
        f"lower learning_rate ({config.learning_rate:g}) or gradient_clip ({config.gradient_clip:g}), "
        "or set precision: float32"
    )


def is_memory_short(error: BaseException) -> bool:
    """Whether an error of torch, or of Python, says that memory is short."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(error)


@contextmanager
def naming_fold(number: int) -> Iterator[None]:
    """Within the block a DataError says which fold it is of, and memory that is short is a MemoryError that does."""
    try:
        yield
    except DataError as error:
        raise DataError(f"fold {number}: {error}") from None
    except (MemoryError, RuntimeError) as error:
        if is_memory_short(error):
            raise MemoryError(f"fold {number}") from None
        raise
