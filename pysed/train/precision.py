"""What makes training fast on a given machine without changing what is computed."""

import ctypes
import sys

import torch

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4  # glibc's malloc.h


def keep_freed_memory() -> None:
    """Have the C library keep freed memory for the next step instead of handing it back to the system.

    The maps of a batch are tens of megabytes; by default each is fetched from the system anew, and the page faults take
    longer than the convolutions that fill them. No-op where there is no glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        libc.mallopt(_M_TOP_PAD, 2**26)
    except (OSError, AttributeError):
        return


def use_bfloat16(precision: str, device: torch.device) -> bool:
    """Whether convolutions run in bfloat16. "auto": where the processor multiplies it in hardware."""
    if precision != "auto":
        return precision == "bfloat16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return has_cpu_flag("avx512_bf16") or has_cpu_flag("amx_bf16")


def has_cpu_flag(flag: str) -> bool:
    """Whether Linux lists the flag for the processor."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            return any(line.startswith("flags") and flag in line.split() for line in stream)
    except OSError:
        return False
