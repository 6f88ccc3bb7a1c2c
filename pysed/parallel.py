"""Training shared by several processes (torchrun), each with its rows of every batch.

The processes draw the same random numbers, those of the whole batch, and use their own rows of them; sums over a batch
(statistics of normalisation, gradients) run over all processes. The result is that of one process, up to rounding. By
itself a process is the only one, and nothing here costs or changes anything.
"""

import multiprocessing
import os
import threading
from typing import Any

import torch
from torch import distributed

from pysed.errors import DataError


def end_with_parent() -> None:
    """From now on this process of ``multiprocessing`` ends when its parent does, however that ended."""

    def wait() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def start() -> None:
    """Join the other processes if torchrun started this one; GPUs are numbered by process."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not distributed.is_initialized():
        # PyTorch imports it at need, and once the group stands its functions' defaults would hold the group for good.
        import torch.distributed.nn

        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")


def stop() -> None:
    """Leave them. Nothing else may hold the group: threads of it that outlive Python abort the process."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def size() -> int:
    """How many processes there are."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """Which of them this is, from 0: the one that writes files."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def own_rows(count: int) -> slice:
    """This process's rows of ``count``. Raises DataError where they cannot be shared out evenly."""
    if count % size():
        raise DataError(f"a batch of {count} clips for {size()} processes; expected a multiple: change batch_size")
    share = count // size()
    return slice(rank() * share, (rank() + 1) * share)


def sum_in_place(values: torch.Tensor) -> torch.Tensor:
    """``values`` summed over the processes, without gradient."""
    if size() > 1:
        distributed.all_reduce(values)
    return values


class _Sum(torch.autograd.Function):
    """A sum over the processes whose gradient is summed over them, too."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor) -> torch.Tensor:
        return sum_in_place(values.clone())

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return sum_in_place(gradient.contiguous().clone())


def differentiable_sum(values: torch.Tensor) -> torch.Tensor:
    """``values`` summed over the processes; the gradient is that of the sum of all processes' losses."""
    return _Sum.apply(values) if size() > 1 else values


def average_gradients(model: torch.nn.Module) -> None:
    """Every gradient's mean over the processes: of the whole batch's mean loss."""
    if size() > 1:
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        flat = sum_in_place(torch.cat([gradient.flatten() for gradient in gradients])) / size()
        for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))


def gathered(value: Any) -> list[Any]:
    """Every process's value, by rank."""
    if size() == 1:
        return [value]
    values = [None] * size()
    distributed.all_gather_object(values, value)
    return values


def from_first(value: Any) -> Any:
    """The first process's value."""
    values = [value]
    if size() > 1:
        distributed.broadcast_object_list(values)
    return values[0]
