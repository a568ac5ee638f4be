"""What families make of headers, and that single files load as they should."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.drawing import card_of, families, lora_of
from tests.tiny import TinyModels
from webui.core.errors import ModelBroken, Stopped
from webui.families import all_families
from webui.families.base import shipped_configs
from webui.library.model_file import ModelFile, open_file


def changed(tiny: TinyModels, folder: Path, name: str, change: Callable[[dict[str, torch.Tensor]], None]) -> Path:
    """A copy of the tiny SD 1.x checkpoint under another name, with other tensors."""
    tensors = load_file(tiny.sd)
    change(tensors)
    save_file(tensors, folder / f"{name}.safetensors")
    return folder / f"{name}.safetensors"


def test_every_family_is_found_by_itself() -> None:
    assert [family.name for family in all_families()] == ["sd", "sdxl"]


def test_models_are_told_apart_by_structure(tiny_models: TinyModels, starter: Path) -> None:
    known = families(tiny_models)
    cards = [card_of(getattr(tiny_models, n), known) for n in ("sd", "sd_folder", "sd_inpaint", "xl", "xl_folder")]
    assert [(c.family, c.variant) for c in cards] == [
        ("sd", "sd15"), ("sd", "sd15"), ("sd", "sd15_inpaint"), ("sdxl", "sdxl"), ("sdxl", "sdxl"),
    ]  # fmt: skip
    assert all(card.problem is None and card.prediction == "epsilon" for card in cards)
    first = card_of(starter, known)
    assert (first.variant, first.prediction, first.defaults.width, first.defaults.steps) == (
        "starter",
        "v_prediction",
        128,
        12,
    )


def test_loras_are_told_apart(tiny_models: TinyModels) -> None:
    known = families(tiny_models)
    for which, family, variant in (("sd", "sd", "sd15"), ("xl", "sdxl", "sdxl")):
        for layout in ("kohya", "peft"):
            lora = lora_of(tiny_models.lora(which, layout), known)  # type: ignore[arg-type]
            assert (lora.family, lora.variant, lora.problem) == (family, variant, None)
    assert lora_of(tiny_models.lora("sd", "kohya"), known).trigger == "tinystyle"


def lora_file(folder: Path, tensors: dict[str, tuple[int, ...]], metadata: dict[str, str] | None = None) -> ModelFile:
    save_file({name: torch.zeros(shape) for name, shape in tensors.items()}, folder / "lora.safetensors", metadata)
    return open_file(folder / "lora.safetensors", "loras/lora", "lora")


def seen_as(file: ModelFile) -> list[tuple[str, str]]:
    cards = [family.identify_lora(file) for family in all_families()]
    return [(card.family, card.variant) for card in cards if card is not None]


KOHYA = "lora_unet_down_blocks_{}_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight"
BARE = {"conv_in.weight": (32, 4, 3, 3), "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight": (32, 768)}


@pytest.mark.parametrize(
    ("tensors", "seen"),
    [
        ({"lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight": (4, 3072)}, []),  # Flux
        ({"lora_unet_blocks_0_cross_attn_k.lora_down.weight": (4, 1536)}, []),  # Wan
        ({"lora_unet_joint_blocks_0_context_block_attn_proj.lora_down.weight": (4, 1536)}, []),  # SD 3
        (BARE, []),  # a UNet
        (BARE | {"controlnet_cond_embedding.conv_in.weight": (16, 3, 3, 3)}, []),
        ({KOHYA.format(1): (4, 2048)}, [("sdxl", "sdxl")]),  # nothing but a down block
        ({KOHYA.format(1): (4, 768)}, [("sd", "sd15")]),
        ({KOHYA.format(1): (4, 1024)}, [("sd", "sd2")]),
        ({"unet.up_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.lora_A.weight": (4, 768)}, [("sd", "sd15")]),
        ({"unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k.lora_A.weight": (4, 768)}, [("sd", "sd15")]),
        ({"lora_unet_middle_block_1_transformer_blocks_0_attn2_to_k.lora_down.weight": (4, 2048)}, [("sdxl", "sdxl")]),
    ],
)
def test_a_lora_is_known_by_what_it_changes(
    tmp_path: Path, tensors: dict[str, tuple[int, ...]], seen: list[tuple[str, str]]
) -> None:
    assert seen_as(lora_file(tmp_path, tensors)) == seen


@pytest.mark.parametrize(
    ("tags", "trigger"),
    [
        ("[" * 100_000, ""),
        ('{"a": {"x": Infinity}}', ""),
        ('{"a": {"\\ud83d cat": 3, "dog": 1}}', "\ufffd cat"),
    ],
    ids=["deep", "endless", "half a character"],
)
def test_odd_tags_of_a_trainer_do_no_harm(tmp_path: Path, tags: str, trigger: str) -> None:
    lora = all_families()[0].identify_lora(lora_file(tmp_path, {KOHYA.format(0): (4, 768)}, {"ss_tag_frequency": tags}))
    assert lora is not None and lora.trigger == trigger
    json.dumps(lora.trigger, ensure_ascii=False).encode()


def test_marks_of_v_prediction_and_of_zero_snr_are_heeded(tiny_models: TinyModels, tmp_path: Path) -> None:
    known = families(tiny_models)
    path = changed(tiny_models, tmp_path, "noob", lambda t: t.update(v_pred=torch.zeros(0), ztsnr=torch.zeros(0)))
    card = card_of(path, known)
    config = known[0].load(card, torch.float32).scheduler.config
    assert card.prediction == config.prediction_type == "v_prediction"
    assert config.rescale_betas_zero_snr and config.timestep_spacing == "trailing"


@pytest.mark.parametrize(
    ("name", "steps"), [("dream_Lightning_4step", 4), ("dreamTurbo", 6), ("x-lcm", 6), ("dream", 25)]
)
def test_distilled_models_want_few_steps(name: str, steps: int, tiny_models: TinyModels, tmp_path: Path) -> None:
    shutil.copy(tiny_models.sd, tmp_path / f"{name}.safetensors")
    best = card_of(tmp_path / f"{name}.safetensors", families(tiny_models)).defaults
    assert best.steps == steps and (best.guidance_scale == 1.0) == (steps < 25)


def test_a_file_without_all_its_parts_is_listed_with_words(tiny_models: TinyModels, tmp_path: Path) -> None:
    def without_vae(tensors: dict[str, torch.Tensor]) -> None:
        for key in [k for k in tensors if k.startswith("first_stage_model.")]:
            del tensors[key]

    card = card_of(changed(tiny_models, tmp_path, "half", without_vae), families(tiny_models))
    assert card.problem is not None and "autoencoder" in card.problem.message


def test_a_missing_tensor_is_told_not_left_out(tiny_models: TinyModels, tmp_path: Path) -> None:
    gone = "model.diffusion_model.input_blocks.4.0.in_layers.2.weight"

    def without_one(tensors: dict[str, torch.Tensor]) -> None:
        del tensors[gone]

    path = changed(tiny_models, tmp_path, "holed", without_one)
    known = families(tiny_models)
    with pytest.raises(ModelBroken, match=r"1 of .* parts are missing"):
        known[0].load(card_of(path, known), torch.float16)


def test_loading_shows_progress_and_stops_between_tensors(tiny_models: TinyModels) -> None:
    known = families(tiny_models)
    card = card_of(tiny_models.xl, known)
    seen: list[float] = []
    pipe = known[1].load(card, torch.bfloat16, seen.append)
    assert seen == sorted(seen) and seen[-1] == 1.0 and len(seen) > 100
    assert {p.dtype for n in (pipe.unet, pipe.vae, pipe.text_encoder_2) for p in n.parameters()} == {torch.bfloat16}

    def stop() -> None:
        if len(seen) >= 5:
            raise Stopped

    seen.clear()
    with pytest.raises(Stopped):
        known[1].load(card, torch.bfloat16, seen.append, stop)
    assert len(seen) == 5


@pytest.mark.parametrize("variant", ["sd15", "sd15_inpaint", "sd2", "sd2_base", "sd2_inpaint", "sdxl", "sdxl_inpaint"])
def test_the_shipped_configs_have_the_shapes_of_the_real_models(variant: str) -> None:
    """Parameters as published: 860 M and 866 M for the UNets of SD 1.x and 2.x, 2567 M for SDXL's, 84 M for the VAE."""
    from accelerate import init_empty_weights

    from webui.families.base import read_json
    from webui.families.latent import unet_class, vae_class

    folder = shipped_configs / variant

    def millions(cls: object, part: str) -> int:
        config = {k: v for k, v in read_json(folder / part / "config.json").items() if not k.startswith("_")}
        with init_empty_weights():
            return round(sum(p.numel() for p in cls.from_config(config).parameters()) / 1e6)  # type: ignore[attr-defined]

    wanted = 2567 if variant.startswith("sdxl") else 866 if variant.startswith("sd2") else 860
    assert millions(unet_class(), "unet") == wanted
    assert millions(vae_class({}), "vae") == 84
