"""The ladder on the models and cards that people have."""

from __future__ import annotations

import pytest

from webui.core.errors import NotEnoughMemory
from webui.core.types import ComponentSizes, DeviceFacts
from webui.memory.estimate import GIB, STABLE_DIFFUSION, STABLE_DIFFUSION_XL, estimate
from webui.memory.forecast import forecast, say_seconds
from webui.memory.plan import LADDER, VramPlan, cap_bytes, gigabytes, next_rung, peak, plan, refusal, size_that_fits


def gib(n: float) -> int:
    return int(n * GIB)


SD = ComponentSizes(gib(0.23), gib(1.60), gib(0.16))
SDXL = ComponentSizes(gib(1.52), gib(4.78), gib(0.16))


def card(gb: float, dtype: str = "float16") -> DeviceFacts:
    """A card of that size on which the driver has taken half a GB."""
    return DeviceFacts("cuda", "a card", gib(gb), gib(gb - 0.5), dtype)  # type: ignore[arg-type]


def cpu(gb: float) -> DeviceFacts:
    return DeviceFacts("cpu", "a processor", gib(gb), gib(gb), "float32")


@pytest.mark.parametrize(
    "gb, rung, tiled",
    [(24, "resident", False), (12, "resident", False), (8, "model_offload", False),
     (6, "group_offload_block", False), (4, "group_offload_leaf", True), (3, "group_offload_leaf", True)],
)  # fmt: skip
def test_sdxl_at_1024_on_cards(gb: float, rung: str, tiled: bool) -> None:
    found = plan(SDXL, card(gb), 1024, 1024, activations=STABLE_DIFFUSION_XL)
    assert (found.rung, found.tiled_vae) == (rung, tiled)


@pytest.mark.parametrize("gb, rung", [(24, "resident"), (6, "resident"), (4, "resident"), (3, "model_offload")])
def test_sd_at_512_on_cards(gb: float, rung: str) -> None:
    assert plan(SD, card(gb), 512, 512, activations=STABLE_DIFFUSION).rung == rung


def test_a_cap_makes_a_big_card_a_small_one() -> None:
    capped = plan(SDXL, card(24), 1024, 1024, activations=STABLE_DIFFUSION_XL, vram_cap=gib(8))
    assert capped == plan(SDXL, card(8), 1024, 1024, activations=STABLE_DIFFUSION_XL)


def test_a_cap_is_said_in_the_gigabytes_of_cards() -> None:
    assert (cap_bytes(8), cap_bytes(None)) == (gib(8), None)
    assert gigabytes(gib(8)) == "8.0 GB"


def test_a_card_too_small_for_any_size_leaves_it_to_the_processor() -> None:
    found = plan(SDXL, card(1.2), 1024, 1024, activations=STABLE_DIFFUSION_XL)
    assert (found.rung, found.peak_bytes) == ("cpu", 0)


def test_a_card_too_small_for_the_vae_decodes_on_the_processor() -> None:
    found = plan(SDXL, card(2), 1024, 1024, activations=STABLE_DIFFUSION_XL)
    assert (found.rung, found.tiled_vae, found.vae_on_cpu) == ("group_offload_leaf", True, True)
    assert next_rung(found, "decoding") is None


def test_a_processor_keeps_everything_and_doubles_the_bytes() -> None:
    found = plan(SD, cpu(16), 512, 512, activations=STABLE_DIFFUSION)
    assert (found.rung, found.tiled_vae, found.device) == ("resident", False, "cpu")
    assert found.peak_bytes > 2 * SD.total


def test_a_processor_tiles_before_it_refuses() -> None:
    assert plan(SD, cpu(8), 1024, 1024, activations=STABLE_DIFFUSION).tiled_vae


def test_too_big_a_picture_names_the_size_that_fits_and_it_does() -> None:
    with pytest.raises(NotEnoughMemory) as refused:
        plan(SD, cpu(8), 3072, 2048, activations=STABLE_DIFFUSION)
    name, _, size = refused.value.fix.partition(":")
    width, height = map(int, size.split("x"))
    assert name == "size"
    assert width % 64 == height % 64 == 0
    assert 1.4 < width / height < 1.6
    assert f"{width} × {height} would fit" in refused.value.hint
    assert plan(SD, cpu(8), width, height, activations=STABLE_DIFFUSION)


def test_a_model_too_big_for_the_processor_offers_the_starter() -> None:
    with pytest.raises(NotEnoughMemory) as refused:
        plan(SDXL, cpu(8), 1024, 1024, activations=STABLE_DIFFUSION_XL)
    assert refused.value.fix == "model:starter"


def test_after_a_failure_the_size_offered_is_smaller_although_this_one_should_fit() -> None:
    assert size_that_fits(SD, card(24), 512, 768, activations=STABLE_DIFFUSION) == (512, 768)
    assert size_that_fits(SD, card(24), 512, 768, activations=STABLE_DIFFUSION, below=True) == (448, 640)


def test_the_words_never_say_that_less_is_needed_than_is_free() -> None:
    assert "are free" in refusal(gib(8), gib(6), (512, 512)).message
    assert "Memory ran out" in refusal(gib(6), gib(8), (512, 512)).message


def test_weights_are_counted_as_they_will_be_held() -> None:
    half, whole = ComponentSizes(0, 2 * GIB, 0, 2.0), ComponentSizes(0, 4 * GIB, 0, 4.0)
    assert estimate(half, STABLE_DIFFUSION, "float16", 512, 512) == estimate(
        whole, STABLE_DIFFUSION, "float16", 512, 512
    )
    assert estimate(half, STABLE_DIFFUSION, "float32", 512, 512).denoiser == 4 * GIB


def test_without_guidance_the_denoiser_works_on_half() -> None:
    with_it, without = (
        estimate(SD, STABLE_DIFFUSION, "float16", 512, 512, cfg=cfg).denoiser_work for cfg in (True, False)
    )
    assert without == with_it // 2


@pytest.mark.parametrize("stage", ["loading", "encoding", "denoising"])
def test_after_running_out_the_next_rungs_come_one_by_one(stage: str) -> None:
    current: VramPlan | None = plan(SD, card(24), 512, 512, activations=STABLE_DIFFUSION)
    rungs = []
    while current is not None:
        rungs.append(current.rung)
        current = next_rung(current, stage)  # type: ignore[arg-type]
    assert tuple(rungs) == LADDER


def test_after_running_out_in_decoding_only_the_vae_changes() -> None:
    whole = plan(SD, card(24), 512, 512, activations=STABLE_DIFFUSION)
    tiled = next_rung(whole, "decoding")
    assert tiled is not None and (tiled.rung, tiled.tiled_vae, tiled.vae_on_cpu) == (whole.rung, True, False)
    on_cpu = next_rung(tiled, "decoding")
    assert on_cpu is not None and (on_cpu.rung, on_cpu.vae_on_cpu) == (whole.rung, True)
    assert next_rung(on_cpu, "decoding") is None


def test_a_processor_has_no_lower_rung_than_tiles() -> None:
    whole = plan(SD, cpu(32), 512, 512, activations=STABLE_DIFFUSION)
    tiled = next_rung(whole, "denoising")
    assert tiled is not None and tiled.tiled_vae and tiled.rung == "resident"
    assert next_rung(tiled, "denoising") is None


def test_each_rung_needs_no_more_than_the_one_above() -> None:
    needs = estimate(SDXL, STABLE_DIFFUSION_XL, "float16", 1024, 1024)
    peaks = [peak(needs, rung, tiled_vae=True) for rung in LADDER]
    assert peaks == sorted(peaks, reverse=True)


@pytest.mark.parametrize(
    "gb, seconds, sentence",
    [
        (24, 12.3, "Fits: 10.3 of 23.5 GB. About 12 seconds."),
        (8, None, "Fits, a bit slower, because the parts of the model take turns: 5.6 of 7.5 GB."),
        (
            1.2,
            601,
            "Runs on the processor and very slow, because this card is too small for the model. About 10 minutes.",
        ),
    ],
)
def test_the_forecast_in_words(gb: float, seconds: float | None, sentence: str) -> None:
    told = forecast(SDXL, card(gb), 1024, 1024, activations=STABLE_DIFFUSION_XL, seconds=seconds)
    assert told.fits
    assert told.sentence == sentence


def test_a_forecast_of_what_does_not_fit_says_what_would() -> None:
    told = forecast(SD, cpu(8), 4096, 4096, activations=STABLE_DIFFUSION)
    assert not told.fits
    assert "would fit" in told.sentence


@pytest.mark.parametrize(
    "seconds, words",
    [(None, ""), (0.4, "About a second."), (7.4, "About 7 seconds."), (43, "About 45 seconds."),
     (89, "About 90 seconds."), (95, "About a minute and a half."), (300, "About 5 minutes.")],
)  # fmt: skip
def test_seconds_in_words(seconds: float | None, words: str) -> None:
    assert say_seconds(seconds) == words
