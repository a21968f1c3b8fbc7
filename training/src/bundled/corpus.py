"""Clean sentences from public-domain novels, and the tokenizer that is trained on them.

python -m bundled.corpus --texts DIR --out sentences.tsv --tokenizer tokenizer.model
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import sentencepiece

from bundled import phones
from bundled.common import atomic_path

# What upstream's `replace_characters` does for the released English models.
_REPLACE = str.maketrans({"–": ",", "—": ",", "’": "'", "‘": "'", "“": '"', "”": '"'})
_ALLOWED = re.compile(r"[A-Za-z ,.!?;:'-]+")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]*[A-Z])")
_WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*")
_ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|St|Esq|No|Vol|Chap|[A-Z])\.$")


def paragraphs(text: str) -> list[str]:
    """Paragraphs of a hard-wrapped e-text, joined to one line each."""
    blocks = re.split(r"\n\s*\n", text.replace("\r", ""))
    return [" ".join(block.split()) for block in blocks]


def sentences(paragraph: str) -> list[str]:
    """Sentences of one paragraph; an abbreviation does not end one."""
    parts: list[str] = []
    for part in _SENTENCE_END.split(paragraph):
        if parts and _ABBREVIATION.search(parts[-1]):
            parts[-1] += " " + part
        else:
            parts.append(part)
    return parts


def clean(sentence: str, shortest: int, longest: int) -> str | None:
    """The sentence as upstream would prepare it, or None if it is not plain English prose."""
    text = sentence.translate(_REPLACE).replace("--", ", ").replace("_", "")
    text = text.replace('"', "")
    text = re.sub(r"(?<!\w)'|'(?!\w)", "", text)  # single quotes; apostrophes inside words stay
    text = re.sub(r"\s+([,.!?;:])", r"\1", " ".join(text.split()))
    text = re.sub(r"([.!?])\s*[,;:]", r"\1", text)
    text = re.sub(r"([,;:])[\s,;:]*(?=[,;:.!?])", "", text).strip(" ,;:-")
    if not text or not _ALLOWED.fullmatch(text) or text.count(".") > 1:
        return None
    if re.search(r"\b(?:Mr|Mrs|Dr|St|Esq)\b|\b[A-Z]{2,}\b|\b[IVXLC]+\.", text) and text[-2:] != "I.":
        return None
    text = text[0].upper() + text[1:]
    if text[-1] not in ".!?":
        return None
    if not shortest <= len(text) <= longest or len(text.split()) < 2:
        return None
    return text


def read_corpus(texts: Path, shortest: int, longest: int, seed: int) -> list[str]:
    """All different clean sentences of the *.txt files below `texts`, in a shuffled, fixed order."""
    unique: dict[str, None] = {}
    for path in sorted(texts.glob("*.txt")):
        for paragraph in paragraphs(path.read_text(encoding="utf-8", errors="replace")):
            for sentence in sentences(paragraph):
                text = clean(sentence, shortest, longest)
                if text is not None:
                    unique[text] = None
    result = list(unique)
    random.Random(seed).shuffle(result)
    return result


def dictionary_for(lines: list[str], pronunciations: Path, common: list[Path]) -> dict[str, str]:
    """The pronunciations of all words of the corpus and of `common`, files with words in them, such as a vocabulary."""
    with open(pronunciations, encoding="utf-8") as f:
        pronounced = phones.read_dictionary(f)
    words = {word.lower() for line in lines for word in _WORD.findall(line)}
    for path in common:
        words |= {word.lower() for word in _WORD.findall(path.read_text(encoding="utf-8"))}
    return {word: spoken for word, spoken in pronounced.items() if word in words or phones.always_known(word)}


def train_tokenizer(lines: list[str], dictionary: Mapping[str, str], vocabulary: int, path: Path) -> None:
    """A SentencePiece model whose normalization is the dictionary, and whose pieces are short runs of phones.

    It sees no punctuation, or a full stop would be part of a piece and upstream would miss the end of a sentence.
    """
    with tempfile.TemporaryDirectory() as folder, atomic_path(path) as temporary, open(temporary, "wb") as writer:
        rules = Path(folder, "rules.tsv")
        rules.write_text(phones.rules(phones.replacements(dictionary)), encoding="utf-8")
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(re.sub(r"[,.?!;:]", "", line) for line in lines),
            model_writer=writer,
            vocab_size=vocabulary,
            model_type="bpe",
            character_coverage=1.0,
            required_chars=phones.INVENTORY.replace(phones.START, ""),
            normalization_rule_tsv=str(rules),
            max_sentencepiece_length=phones.LONGEST_PIECE,
            split_by_unicode_script=False,
            minloglevel=2,
            num_threads=1,
        )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--pronunciations", type=Path, required=True, help="CMUdict")
    parser.add_argument("--common", type=Path, nargs="*", default=[], help="files with more words for the dictionary")
    parser.add_argument("--out", type=Path, required=True, help="one sentence a line")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--vocabulary", type=int, default=1000)
    parser.add_argument("--shortest", type=int, default=16)
    parser.add_argument("--longest", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--begin-with", type=Path, help="folder of an exported model, whose tokenizer is taken")
    args = parser.parse_args()

    lines = read_corpus(args.texts, args.shortest, args.longest, args.seed)
    with atomic_path(args.out) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if args.begin_with:
        with atomic_path(args.tokenizer) as temporary:
            shutil.copyfile(args.begin_with / "tokenizer.model", temporary)
    else:
        dictionary = dictionary_for(lines, args.pronunciations, args.common)
        train_tokenizer(lines, dictionary, args.vocabulary, args.tokenizer)
    processor = sentencepiece.SentencePieceProcessor(model_file=str(args.tokenizer))
    tokens = [len(processor.encode(line)) for line in lines[:2000]]
    characters = sum(map(len, lines[:2000]))
    print(
        f"{len(lines)} sentences, {sum(map(len, lines))} characters; "
        f"{characters / sum(tokens):.2f} characters a token, longest {max(tokens)} tokens"
    )


if __name__ == "__main__":
    main()
