"""What goes through the pipe between the page's process and its worker: frames of JSON and raw bytes, never a pickle.

    frame = length of the JSON (u32) | length of the bytes (u64) | JSON | bytes          all big-endian

The JSON is a message: {"kind": ..., other plain data}. Bytes fields travel behind it, in the order of "blobs".
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import IO, Any

from webui.core import errors
from webui.core.errors import UserError
from webui.core.types import (
    ComponentSizes,
    Defaults,
    DeviceFacts,
    Fault,
    GeneratedImage,
    LoraCard,
    ModelCard,
    Order,
    Progress,
    Recipe,
)

Message = dict[str, Any]

_head = struct.Struct(">IQ")
_largest_json = 16 * 2**20
_largest_bytes = 2 * 2**30


def write(stream: IO[bytes], message: Mapping[str, Any]) -> None:
    """Send one message; callers take turns. Values: JSON data or bytes. Raises OSError when the other side is gone."""
    blobs = {k: v for k, v in message.items() if isinstance(v, bytes | memoryview)}
    plain = {k: v for k, v in message.items() if k not in blobs}
    text = json.dumps(plain | {"blobs": [[k, len(v)] for k, v in blobs.items()]}).encode()
    stream.write(_head.pack(len(text), sum(map(len, blobs.values()))) + text)
    for blob in blobs.values():  # by themselves: a photo is too large to be copied for the sake of one write
        stream.write(blob)
    stream.flush()


def read(stream: IO[bytes]) -> Message:
    """The next message. Raises EOFError when the other side is gone, or when what comes is not ours."""
    text_length, body_length = _head.unpack(_exactly(stream, _head.size))
    if text_length > _largest_json or body_length > _largest_bytes:
        raise EOFError("not a frame")
    message: Message = json.loads(_exactly(stream, text_length))
    for name, length in message.pop("blobs"):
        message[name] = _exactly(stream, length)
    return message


def _exactly(stream: IO[bytes], length: int) -> bytes:
    parts = []
    while length:
        part = stream.read(length)
        if not part:
            raise EOFError("the pipe is closed")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def pack_order(order: Order) -> Message:
    return {
        "recipe": order.recipe.to_dict(),
        "model": pack_card(order.model),
        "loras": [_plain(lora) for lora in order.loras],
        "preview": order.preview,
        "init_image": order.init_image,
        "mask_image": order.mask_image,
    }


def unpack_order(message: Message) -> Order:
    return Order(
        Recipe.from_dict(message["recipe"]),
        unpack_card(message["model"]),
        tuple(LoraCard(**(lora | {"problem": _fault(lora["problem"])})) for lora in message["loras"]),
        message["init_image"],
        message["mask_image"],
        message["preview"],
    )


def pack_card(card: ModelCard) -> Message:
    return _plain(card) | {"tasks": sorted(card.tasks)}


def unpack_card(data: Message) -> ModelCard:
    return ModelCard(
        **data
        | {
            "sizes": ComponentSizes(**data["sizes"]),
            "defaults": Defaults(**data["defaults"]),
            "tasks": frozenset(data["tasks"]),
            "problem": _fault(data["problem"]),
        }
    )


def pack_progress(progress: Progress) -> Message:
    return _plain(progress)


def unpack_progress(message: Message) -> Progress:
    return Progress(**{k: message[k] for k in Progress.__dataclass_fields__})


def pack_image(image: GeneratedImage) -> Message:
    return _plain(image) | {
        "recipe": image.recipe.to_dict(),
        "seconds": dict(image.seconds),
        "notes": list(image.notes),
    }


def unpack_image(message: Message) -> GeneratedImage:
    kept = {k: message[k] for k in GeneratedImage.__dataclass_fields__}
    return GeneratedImage(**kept | {"recipe": Recipe.from_dict(kept["recipe"]), "notes": tuple(kept["notes"])})


def pack_facts(facts: DeviceFacts) -> Message:
    return _plain(facts) | {"capability": list(facts.capability)}


def unpack_facts(data: Message) -> DeviceFacts:
    return DeviceFacts(**data | {"capability": tuple(data["capability"])})


def pack_error(error: UserError) -> Message:
    return _plain(error.fault)


def unpack_error(data: Message) -> UserError:
    """The same class again, found by its code; an unknown code becomes a plain UserError of that code."""
    fault = Fault(**{k: data[k] for k in Fault.__dataclass_fields__})
    kinds = {c.code: c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, UserError)}
    error = kinds.get(fault.code, UserError)(fault.message, fault.hint, fault.fix, fault.fix_label)
    error.code, error.status = fault.code, fault.status
    return error


def _plain(shape: Any) -> Message:
    """A dataclass as a dict, nested ones too, bytes as they are (asdict would copy a picture's bytes, too)."""
    out: Message = {}
    for name in shape.__dataclass_fields__:
        value = getattr(shape, name)
        out[name] = _plain(value) if hasattr(value, "__dataclass_fields__") else value
    return out


def _fault(data: Message | None) -> Fault | None:
    return Fault(**data) if data else None
