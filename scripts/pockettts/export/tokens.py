"""The tokenizer of a bundle in the formats of its clients: a SentencePiece model, vocab.json and token_scores.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pockettts.errors import BundleError

_UNKNOWN, _CONTROL, _BYTE, _NORMAL = 2, 3, 6, 1  # ModelProto.SentencePiece.Type
_SPECIAL = {"<s>", "</s>", "<pad>"}


def tokenizer_files(config: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the names and contents of the tokenizer's files. Raises `BundleError` for one that cannot be converted."""
    table = config["flow_lm"]["lookup_table"]
    path = Path(table["tokenizer_path"])
    if table.get("tokenizer") in ("tokenizers", "json") or path.suffix == ".json":
        model = model_from_json(path)
    else:
        model = path.read_bytes()
    import sentencepiece

    try:
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    # The library raises plain exceptions of many types.
    except Exception as error:
        raise BundleError(f"The tokenizer {path} cannot be loaded ({error}); delete it and build again.") from None
    count = processor.vocab_size()
    if count != table["n_bins"]:
        raise BundleError(f"The tokenizer {path} has {count} tokens and the model {table['n_bins']}.")
    pieces = [processor.id_to_piece(index) for index in range(count)]
    scores = {piece: processor.get_score(index) for index, piece in enumerate(pieces)}
    return {
        "tokenizer.model": model,
        "vocab.json": _json({piece: index for index, piece in enumerate(pieces)}),
        "token_scores.json": _json(scores),
    }


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=0) + "\n").encode()


def model_from_json(path: Path) -> bytes:
    """Return the SentencePiece model of a `tokenizer.json`: the same pieces, scores and fallback to bytes.

    It takes text without normalization, and every space becomes a piece, as in upstream's JSON.
    """
    from sentencepiece import sentencepiece_model_pb2 as schema

    try:
        model = json.loads(path.read_text(encoding="utf-8"))["model"]
        pieces, unknown = model["vocab"], model["unk_id"]
        if model["type"] != "Unigram":
            raise BundleError(f"The tokenizer {path} is of the type {model['type']}; only Unigram can be exported.")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"The tokenizer {path} is not a tokenizer.json of type Unigram ({error!r}).") from None
    proto: Any = schema.ModelProto()  # type: ignore[attr-defined]
    for index, (piece, score) in enumerate(pieces):
        kind = _NORMAL
        if index == unknown:
            kind = _UNKNOWN
        elif piece in _SPECIAL:
            kind = _CONTROL
        elif len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">"):
            kind = _BYTE
        proto.pieces.add(piece=piece, score=score, type=kind)
    trainer, normalizer = proto.trainer_spec, proto.normalizer_spec
    trainer.model_type = 1  # unigram
    trainer.vocab_size = len(pieces)
    trainer.byte_fallback = bool(model.get("byte_fallback"))
    trainer.unk_id = unknown
    names = [piece for piece, _ in pieces]
    trainer.bos_id, trainer.eos_id = (names.index(name) if name in names else -1 for name in ("<s>", "</s>"))
    trainer.pad_id = names.index("<pad>") if "<pad>" in names else -1
    normalizer.name = "identity"
    normalizer.add_dummy_prefix = True
    normalizer.remove_extra_whitespaces = False
    normalizer.escape_whitespaces = True
    return bytes(proto.SerializeToString(deterministic=True))
