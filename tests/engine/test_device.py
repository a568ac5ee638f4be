from __future__ import annotations

from pathlib import Path

import torch

from webui.engine.device import _built_for, find_device, physical_cores
from webui.engine.ladder import is_out_of_memory


def test_the_processor_never_computes_in_float16() -> None:
    facts = find_device("cpu")
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    assert facts.kind == "cpu" and facts.dtype in ("float32", "bfloat16")
    if flags:
        assert (facts.dtype == "bfloat16") == ("avx512_bf16" in flags or "amx_bf16" in flags)
    assert 0 < facts.free <= facts.total and facts.threads == physical_cores() >= 1


def test_a_cap_makes_the_device_smaller() -> None:
    facts = find_device("cpu", vram=1.5, threads=1)
    assert (facts.total, facts.free, facts.threads) == (3 * 2**29, 3 * 2**29, 1)


def test_a_card_that_this_torch_was_not_built_for_is_not_used() -> None:
    built = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_120"]
    assert _built_for((8, 9), built) and _built_for((7, 5), built) and _built_for((12, 0), built)
    assert not _built_for((6, 1), built) and not _built_for((10, 0), built)
    assert _built_for((10, 0), [*built, "compute_90"])


def test_what_counts_as_full_memory() -> None:
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"))
    assert not is_out_of_memory(RuntimeError("The size of tensor a must match"))
