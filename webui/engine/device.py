"""The device and what suits it: kind of numbers, threads, memory layout."""

from __future__ import annotations

import ctypes
import gc
import logging
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from webui.core.types import DeviceFacts
from webui.engine.cores import allowed_cores
from webui.memory.plan import cap_bytes

log = logging.getLogger(__name__)


def find_device(wanted: str, vram: float | None = None, threads: int | None = None) -> DeviceFacts:
    """Facts about "auto", "cpu", "cuda", "cuda:1" or "mps". What is not there, or not for this torch, is the CPU.

    `vram` is in GB as cards are sold (2**30 bytes): behave as if the device had this much.
    """
    kind, _, index = wanted.partition(":")
    facts = None
    if kind in ("auto", "cuda"):
        facts = _cuda(int(index or 0))
    if facts is None and kind in ("auto", "mps"):
        facts = _mps()
    facts = facts or _cpu(threads)
    return _capped(facts, vram)


def torch_device(facts: DeviceFacts) -> Any:
    import torch

    return torch.device(facts.kind, facts.index) if facts.kind == "cuda" else torch.device(facts.kind)


def torch_dtype(facts: DeviceFacts) -> Any:
    import torch

    return getattr(torch, facts.dtype)


def prepare(facts: DeviceFacts) -> None:
    """Process-wide settings of torch for this device; the worker's process calls it once.

    GeForce cards multiply fp16 twice as fast when they also sum in fp16, which Stable Diffusion's networks stand.
    """
    import torch

    if facts.kind == "cpu":
        torch.set_num_threads(facts.threads)
    elif facts.kind == "cuda":
        torch.backends.cudnn.benchmark = False  # the same picture again
        if "GeForce" in facts.name:
            torch.backends.cuda.matmul.allow_fp16_accumulation = True


def physical_cores() -> int:
    """Cores this process may use, hyper-threads counted once."""
    import psutil

    allowed = len(allowed_cores())
    cores = psutil.cpu_count(logical=False) or allowed
    return max(1, min(cores, allowed, _quota() or allowed))


def _quota() -> int | None:
    """Whole cores that a container may use (cgroup v2), None without a limit."""
    try:
        limit, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, int(limit) // int(period))
    except (OSError, ValueError):
        return None


def free_bytes(facts: DeviceFacts) -> int:
    """What could be had now."""
    import psutil
    import torch

    if facts.kind == "cuda":
        free = int(torch.cuda.mem_get_info(facts.index)[0])
        unused = torch.cuda.memory_reserved(facts.index) - torch.cuda.memory_allocated(facts.index)
        return min(free + int(unused), facts.total)
    return min(int(psutil.virtual_memory().available), facts.total)


def sweep(facts: DeviceFacts | None = None) -> None:
    """Give back what nobody holds any more: to the device and, from C's heap, to the system."""
    import torch

    gc.collect()
    if facts and facts.kind == "cuda":
        torch.cuda.empty_cache()
    if facts and facts.kind == "mps":
        torch.mps.empty_cache()
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)


def _cuda(index: int) -> DeviceFacts | None:
    import torch

    if not torch.cuda.is_available() or index >= torch.cuda.device_count():
        return None
    capability = torch.cuda.get_device_capability(index)
    name = torch.cuda.get_device_name(index)
    if not _built_for(capability, torch.cuda.get_arch_list()):
        log.warning(
            "%s is too old or too new for this torch (%s); drawing on the processor instead", name, torch.__version__
        )
        return None
    free, total = torch.cuda.mem_get_info(index)
    return DeviceFacts("cuda", name, int(total), int(free), "float16", index, 1, capability)


def _built_for(capability: tuple[int, int], built: list[str]) -> bool:
    """Binary code of one major generation runs on its later minors; code for PTX on everything later."""
    own = capability[0] * 10 + capability[1]
    for arch in built:
        kind, _, digits = arch.partition("_")
        number = int("".join(c for c in digits if c.isdigit()) or 0)
        if number <= own and (kind == "compute" or number // 10 == capability[0]):
            return True
    return False


def _mps() -> DeviceFacts | None:
    import psutil
    import torch

    if not torch.backends.mps.is_available():
        return None
    memory = psutil.virtual_memory()
    return DeviceFacts("mps", "Apple GPU", memory.total, memory.available, "float16")


def _cpu(threads: int | None) -> DeviceFacts:
    import psutil

    memory = psutil.virtual_memory()
    name = _cpu_name()
    dtype = "bfloat16" if _fast_bfloat16() else "float32"
    return DeviceFacts("cpu", name, memory.total, memory.available, dtype, 0, threads or physical_cores())  # type: ignore[arg-type]


def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _cpu_name() -> str:
    lines = (line.partition(":") for line in _cpuinfo().splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == "model name"), "processor")


def _fast_bfloat16() -> bool:
    """Only where the processor multiplies bf16 itself (AVX512-BF16: 1.6 times as fast as fp32); else slower."""
    import torch

    flags = _cpuinfo()
    if "avx512_bf16" in flags or "amx_bf16" in flags:
        return True
    probes = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(probe() for probe in probes if probe)


def _capped(facts: DeviceFacts, vram: float | None) -> DeviceFacts:
    cap = cap_bytes(vram)
    if cap is None:
        return facts
    return replace(facts, total=min(facts.total, cap), free=min(facts.free, cap))
