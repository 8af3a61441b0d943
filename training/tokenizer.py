"""Train the byte-level BPE vocabulary on generated chats.

The saved pipeline is Qwen's: NFC, the Qwen2 split pattern, then byte level.
While training, Chinese characters are split one by one, so that no merge spans
two of them: a name and the verb after it never melt into one token, which
makes copying names exact. Everyday characters become single tokens.

    python training/tokenizer.py --out training/run/tokenizer
"""
import argparse
import json
import random
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from tokenizers import AddedToken

from data import mix, words

QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
PLAIN = ["<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>"]
VOCABULARY = 4096
COMMON = """的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运笔合同纪要负责截止整理提交预算会议"""
CORPUS_SEED = 11


def corpus(count):
    rng = random.Random(CORPUS_SEED)
    for _ in range(count):
        for message in mix.messages(rng):
            yield message["content"]
    for _ in range(400):
        yield COMMON
    for _ in range(120):
        yield "".join(words.SURNAMES_ZH + words.GIVEN_ZH)


def pipeline(training):
    steps = [pre_tokenizers.Split(Regex(QWEN), "isolated")]
    if training:
        steps.append(pre_tokenizers.Split(Regex(r"\p{Han}"), "isolated"))
    return pre_tokenizers.Sequence(steps + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("training/run/tokenizer"))
    parser.add_argument("--samples", type=int, default=40000)
    args = parser.parse_args()

    tokenizer = Tokenizer(models.BPE(byte_fallback=False, fuse_unk=False))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pipeline(training=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    added = len(SPECIAL) + len(PLAIN)
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY - added, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False, max_token_length=12)
    tokenizer.train_from_iterator(corpus(args.samples), trainer)
    tokenizer.pre_tokenizer = pipeline(training=False)
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in PLAIN])

    args.out.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(args.out / "tokenizer.json"))
    han = sum(len(tokenizer.decode([i])) == 1 and tokenizer.decode([i]) in words.HAN for i in range(tokenizer.get_vocab_size()))
    text = " ".join(m["content"] for m in mix.messages(random.Random(5)))
    print(json.dumps({"vocabulary": tokenizer.get_vocab_size(), "single Chinese characters": han, "characters per token": round(len(text) / len(tokenizer.encode(text).ids), 2)}))


if __name__ == "__main__":
    main()
