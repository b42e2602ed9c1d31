#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes tests/unit/pretokenizers: a corpus of texts, a small vocabulary, and the ids that the original tokenizers give.

    make_pretokenizer_ids.py corpus                     writes corpus.txt and merges.txt
    make_pretokenizer_ids.py ids                        writes PATTERN[-nfc][-whole].ids by Hugging Face's `tokenizers`
    make_pretokenizer_ids.py model NAME GGUF PATTERN    writes NAME.ids by `tokenizers` from the GGUF's own tokens and merges
    make_pretokenizer_ids.py stages                     writes stages.json: what `tokenizers` saves of the same tokenizers
    make_pretokenizer_ids.py llama                      compares with llama.cpp (llama-cpp-python) over GGUF files it writes

Needs the Python packages `tokenizers`, `gguf`, and for the last one `llama-cpp-python`; the tests themselves need
none of them. The regexes here are those of the models' own tokenizer.json, independent of pretokenizers.def.

llama.cpp replaces some regexes by simpler ones. Where that gives other ids than the original, the original is right:
the last command says how many texts differ from it, and checks that none does once the original is simplified
likewise (LLAMA_SIMPLIFIES).
"""
import argparse, pathlib, random, re, struct, sys, tempfile

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "unit" / "pretokenizers"

# === Patterns ============================================================================================================

CONTRACTIONS = r"'s|'t|'re|'ve|'m|'ll|'d"
TAIL = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
GPT2 = CONTRACTIONS + r"| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
WORD = "(?i:" + CONTRACTIONS + r")|[^\r\n\p{L}\p{N}]?\p{L}+|"
SIGNS = r"| ?[^\s\p{L}\p{N}]+[\r\n]*"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"


def cased(end):
    begin = r"[^\r\n\p{L}\p{N}]?"
    return begin + UPPER + "*" + LOWER + "+" + end + "|" + begin + UPPER + "+" + LOWER + "*" + end


CASED_TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*" + TAIL
DEEPSEEK_LETTERS = (
    "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-Ֆ\u10a0-\u10c5Ꭰ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-\u1f15\u1f18-\u1f1d"
    "\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe"
    "\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113"
    "\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184"
    "\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e"
    "\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a\U00010400-\U0001044f\U000104b0-\U000104d3"
    "\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0-\U00010cf2\U000118a0-\U000118df\U0001e900-\U0001e943")
HAN = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"
PORO = r" ?[^(\s|.,!?…。，、।۔،)]+"

# Each is (stages, llama.cpp's name). A stage is a regex, or "digits" for Hugging Face's Digits(individual_digits).
PATTERNS = {
    "gpt2": ([GPT2], "gpt-2"),
    "digits_gpt2": (["digits", GPT2], "starcoder"),
    "llama3": ([WORD + r"\p{N}{1,3}" + SIGNS + TAIL], "dbrx"),
    "llama3-whole": ([WORD + r"\p{N}{1,3}" + SIGNS + TAIL], "llama-bpe"),
    "minicpm5-whole": ([r"\p{N}{1,3}", WORD + r"\p{N}+" + SIGNS + TAIL], "minicpm5"),
    "qwen2": ([WORD + r"\p{N}" + SIGNS + TAIL], "deepseek-r1-qwen"),
    "qwen2-nfc": ([WORD + r"\p{N}" + SIGNS + TAIL], "qwen2"),
    "seed_coder": ([WORD + r"\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+" + TAIL], "seed-coder"),
    "tekken-whole": ([cased("") + r"|\p{N}" + CASED_TAIL], "tekken"),
    "gpt4o": ([cased("(?i:" + CONTRACTIONS + ")?") + r"|\p{N}{1,3}" + CASED_TAIL], "gpt-4o"),
    "deepseek_llm": (["[\r\n]", r"\s?[" + DEEPSEEK_LETTERS + "]+", r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$", HAN,
                      r"\p{N}+"], "deepseek-llm"),
    "deepseek_coder": (["[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", HAN, "digits"], "deepseek-coder"),
    "deepseek_v3": ([r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
                     r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|"""
                     r" ?[\p{P}\p{S}]+[\r\n]*" + TAIL], "deepseek-v3"),
    "unnamed": ([r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"], "default"),
    "poro": ([PORO], "poro-chat"),
    "viking": ([PORO, r"\p{N}"], "viking"),
}


def simpler(end):
    upper, lower = r"((?=[\p{L}])([^a-z]))", r"((?=[\p{L}])([^A-Z]))"
    return r"[^\r\n\p{L}\p{N}]?" + upper + "*" + lower + "+" + end + r"|[^\r\n\p{L}\p{N}]?" + upper + "+" + lower + "*" + end


LLAMA_CONTRACTIONS = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
LLAMA_SIMPLIFIES = {
    # Letters outside of ASCII count as upper and lower case at once, and marks do not belong to words.
    "tekken-whole": [simpler("") + r"|\p{N}" + CASED_TAIL],
    "gpt4o": [simpler(LLAMA_CONTRACTIONS + "?") + r"|\p{N}{1,3}" + CASED_TAIL],
    # No normal form C.
    "qwen2-nfc": PATTERNS["qwen2"][0],
    # Blanks outside of ASCII are replaced before the match, so that U+3000 does not match as a sign or as Han.
    "deepseek_llm": [s.replace("　-。", "、-。").replace("\u0800-\u4e00", "\u0800-\u2fff\u3001-\u4e00") for s in PATTERNS["deepseek_llm"][0]],
    "deepseek_coder": [s.replace("\u0800-\u4e00", "\u0800-\u2fff\u3001-\u4e00") for s in PATTERNS["deepseek_coder"][0]],
}

# === Texts ===============================================================================================================

SENTENCES = r"""The quick brown fox jumps over the lazy dog.
I'm sure they're right, we've seen it; he'd say you'll see that it's fine and don't ask.
I'M SURE THEY'RE RIGHT, WE'VE SEEN IT; HE'D SAY YOU'LL SEE THAT IT'S FINE AND DON'T ASK.
I’m sure ‘they’re’ “right” — we’ve seen it… he’d say «so».
camelCaseNames XMLHttpRequest iPhone15Pro snake_case_name kebab-case-name SCREAMING_CASE McDonald O'Neill d'Artagnan
Übermäßig GROSSE Straßen führen über Köln; ÉCOLE école Étude ÀÉÎ àéî ŁÓDŹ łódź ÉlanÉtude straßeSTRASSE
Dijkstra's and Gauß's proofs, rock'n'roll, 'tis, y'all'd've, the '90s, it'S, it'ſ, 'LL 'Ve 'rE
Съешь же ещё этих мягких французских булок, да выпей чаю. МОСКВА Москва москваМосква
Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. ΑΘΗΝΑ Αθήνα ἀρχὴ ᾧ ὠδή
深度求索就是好！我们今天去了北京，明天去上海。價錢是１２３元。
吾輩は猫である。名前はまだ無い。カタカナとひらがな、ｶﾀｶﾅ、漢字123個。ー々〆
다람쥐 헌 쳇바퀴에 타고파. 한국어 텍스트 123개, 가나다 ㄱㄴㄷ
نص حكيم له سر قاطع وذو شأن عظيم مكتوب على ثوب أخضر. السَّلَامُ عَلَيْكُمْ ١٢٣٤٥ ،؛؟
دیباچه‌ای بر می‌خواهم و نمی‌دانم ۱۲۳۴، صفحهٔ ۵
עטלף אבק נס דרך מזגן שהתפוצץ כי חם. שָׁלוֹם עֲלֵיכֶם
ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण। नमस्ते दुनिया १२३ क्‍ष
বাংলা ভাষা ১২৩। தமிழ் மொழி ௧௨௩ తెలుగు ಕನ್ನಡ മലയാളം ਪੰਜਾਬੀ ગુજરાતી සිංහල
เป็นมนุษย์สุดประเสริฐเลิศคุณค่า กว่าบรรดาฝูงสัตว์เดรัจฉาน ๑๒๓ ภาษาไทย ลาว ພາສາລາວ ខ្មែរ မြန်မာ བོད་སྐད་
Tiếng Việt: Con sói nâu nhảy qua người vì nó muốn. TIẾNG VIỆT
ქართული ენა ᲥᲐᲠᲗᲣᲚᲘ Հայերեն լեզու አማርኛ ቋንቋ ᏣᎳᎩ ᐃᓄᒃᑎᑐᑦ ꦗꦮ 𐐔𐐯𐑅𐐨𐑉𐐯𐐻 𝒜𝓁𝓅𝒽𝒶 𝟏𝟐𝟑
😀😃😄 😁😆 👍🏽👍🏿 👨‍👩‍👧‍👦 🏳️‍🌈 🇩🇪🇫🇷 ❤️❤️ 1️⃣2️⃣ ☺️ ✈︎ 🧑🏻‍💻 ©™® ♥ ☃
e\u0301le\u0301gant cafe\u0301 nai\u0308ve A\u030angstro\u0308m o\u0302\u0301 Z\u0334\u0311a\u0337\u0308l\u0336go \u0301x \u0301\u0301 q\u0323\u0307 \u1e9b\u0323
\u212b \u2126 \uf900 \u0958 \u1100\u1161\u11a8 ﬁne ﬂag ﬃ ² ³ ½ ¼ ① ② Ⅷ ⅷ ㊿ 〇 ٪ ‰ ª º µ
def f(x):\n    if x == 1:\n        return [i ** 2 for i in range(10)]\n\n\treturn None  # done
for (int i = 0; i < n; ++i) {\n\ta[i] += b[i] * 0x1F;\n}\n\n\n// end
#include <stdio.h>\r\nint main(void) { printf("%d\\n", 42); return 0; }\r\n
SELECT * FROM t WHERE a>=10 AND b<>'x' -- note\n; {"key": [1, 2.5, -3e10, null], "k'k": "v\\"}
<div class="a b">text &amp; more</div>\n<!-- x --> https://example.org/a/b?c=d&e=%20#f user@example.com ~/bin/../x
$x^2 + y_1 = \\frac{a}{b}$ ~ `code` **bold** _it_ |a|b|\n|--|--|\n| 1 | 2 |
1. first\n2. second\n   - nested\n     1. deeper\n10) ten\n\n* star
12 123 1234 12345 1234567890 3.14159 1,000,000 1e-5 0xFF 2024-11-30T16:50:00Z +49 (0)30 123456 50% $9.99 №5 v1.2.3
１２３４ ٣٤٥٦ ४५६७ ১২৩৪ ๔๕๖๗ ²³¹ ½¾ x²+y³ H₂O 10⁻⁵
a b  c   d    e\tf\t\tg\n\nh\n\n\ni \n j  \n  k\r\nl\r\n\r\nm \t \n
   leading\n trailing   \n\u00a0no\u00a0\u00a0break\u2003em\u3000ideographic\u2028line\u2029para\u0085next\u200bzero\ufefffeff\u180emvs
--- === *** ... ,,, !!! ??? ?!?! (((x))) [[y]] {{z}} <<w>> // /* */ \\\\ |> => -> :: := && || ++ !=
Wait...what?! No-one's "mother-in-law" said: 'go!' — (really?) [sic] {x} <y>/z\\w
a/b/c\n/d //\n\n/e ./\r\n/f !\n\n? x!/y /\n
\x01\x02 control \x1b[31mred\x1b[0m \x7f del \x00 nul \x0b vt \x0c ff
A. B. C. U.S.A. e.g. i.e. Ph.D. Mr. Smith's 3rd 2nd 1st 4x4 B2B c3po R2D2 x86_64 utf8 MP3s
αβγ123абв456漢字789かな012한글345ابج678 a1b2c3 ä1ö2ü3 1a2b3c""".split("\n")

ATOMS = (" ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", "\u00a0", "\u3000", "a", "The", "the", "x", "ABC", "Word", "é", "É", "ß", "Ж", "жук",
         "中", "中文", "かな", "カナ", "한글", "ش", "سلام", "नम", "स्ते", "ไทย", "e\u0301", "\u0301", "\u0308", "\ufe0f", "\u200d", "1", "12",
         "123", "1234", "７", "٣", "½", "²", ".", ",", "!", "?", "...", "-", "—", "_", "'", "'s", "'S", "'re", "'LL", "’s", "\"", "(", ")",
         "[", "]", "{", "}", "/", "\\", "//", "=", "==", "+", "<", ">", "$", "^", "~", "|", "`", "#", "@", "%", "&", "*", ":", ";",
         "。", "，", "、", "！", "「", "」", "·", "€", "→", "😀", "👍🏽", "👨‍👩‍👧", "❤️", "🇩🇪", "\x01", "\u200b", "ﬁ", "ǅ", "ʰ", "ａ", "𝒜")


def make_corpus():
    draw = random.Random(17)
    unescape = lambda s: re.sub(r"\\(u[0-9a-f]{4}|x[0-9a-f]{2}|.)", lambda m: {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"'}.get(
        m[1]) or chr(int(m[1][1:], 16)), s)
    texts = [unescape(s) for s in SENTENCES]
    texts += [" " + t for t in texts[:12]] + [t + "  \n" for t in texts[:12]] + [t.upper() for t in texts[:20]]
    for a in ATOMS:  # every atom beside blanks, digits, letters and itself
        texts.append(a + a + " " + a + "  " + a + "1" + a + "x" + a + "X" + a + "\n" + a + "'s" + a)
    while len(texts) < 640:
        texts.append("".join(draw.choice(ATOMS) for _ in range(draw.randint(4, 24))))
    # Rows of the case "digits".
    texts += ["x  1", "\n\n1", "\n 1", "\n  1", "1   2   3", "    1. nested", "  12  34", "", " ", "\n", "  ", "\n\n\n"]
    return list(dict.fromkeys(texts))


def escape(text):
    return "".join({"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}.get(c) or
                   (f"\\x{ord(c):02x}" if ord(c) < 32 or ord(c) == 127 else c) for c in text)


def read_corpus():
    lines = (FOLDER / "corpus.txt").read_bytes().decode().split("\n")[:-1]
    return [re.sub(r"\\(x[0-9a-f]{2}|.)", lambda m: {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}.get(m[1]) or chr(int(m[1][1:], 16)), s)
            for s in lines]


# === Vocabulary ==========================================================================================================


def alphabet():
    """The byte-level alphabet: the character of each byte."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    other = iter(range(256, 512))
    return [chr(b) if b in plain else chr(next(other)) for b in range(256)]


def train(texts, merges):
    """Byte-level BPE without any pre-tokenizer, so that merges cross the boundaries of every pattern."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    import json
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    t.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=256 + merges, initial_alphabet=alphabet(), max_token_length=12,
                                                     show_progress=False))
    return [" ".join(m) if isinstance(m, list) else m for m in json.loads(t.to_str())["model"]["merges"]]


def vocabulary():
    """Tokens and merges: 256 bytes, what the merges give, and pieces that no merge leads to (for WHOLE)."""
    merges = (FOLDER / "merges.txt").read_text().split("\n")[:-1]
    whole = [m for m in merges if " " not in m]
    merges = [m for m in merges if " " in m]
    tokens = alphabet()
    tokens += [m.replace(" ", "") for m in merges] + whole
    return list(dict.fromkeys(tokens)), merges


def write_corpus():
    FOLDER.mkdir(exist_ok=True)
    texts = make_corpus()
    (FOLDER / "corpus.txt").write_bytes("".join(escape(t) + "\n" for t in texts).encode())
    merges = train(texts, 1500)
    built = {m.replace(" ", "") for m in merges}
    map_ = alphabet()
    whole = ["".join(map_[b] for b in w.encode()) for w in ("quick", " jumps", "Москва", "नमस्ते", "return", "camel", "123", "über")]
    (FOLDER / "merges.txt").write_text("".join(m + "\n" for m in merges) + "".join(w + "\n" for w in whole if w not in built))
    print(len(texts), "texts,", len(merges), "merges")


# === Ids =================================================================================================================


def tokenizer(name, tokens, merges, simplified=None):
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
    stages = simplified or PATTERNS[name][0]
    t = Tokenizer(models.BPE(vocab={k: i for i, k in enumerate(tokens)}, merges=[tuple(m.split(" ", 1)) for m in merges],
                             ignore_merges=name.endswith("-whole")))
    if "-nfc" in name and not simplified:
        t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True) if s == "digits" else pre_tokenizers.Split(Regex(s), "isolated") for s in stages] +
        [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    return t


def write_ids(path, lists):
    """Per text the number of ids and the ids, little-endian, in 16 bits where they fit and 32 elsewhere."""
    width = "H" if max((i for ids in lists for i in ids), default=0) < 65536 else "I"
    data = b"".join(struct.pack(f"<{1 + len(ids)}{width}", len(ids), *ids) for ids in lists)
    path.write_bytes(data)
    print(path.name, len(lists), "texts,", sum(map(len, lists)), "ids")


def write_all_ids():
    texts, (tokens, merges) = read_corpus(), vocabulary()
    for name in PATTERNS:
        t = tokenizer(name, tokens, merges)
        write_ids(FOLDER / f"{name}.ids", [t.encode(x, add_special_tokens=False).ids for x in texts])


def write_stages():
    """Normalizer, pre-tokenizer and ignore_merges of a tokenizer.json, by the name of the ids."""
    import json
    found = {}
    for name in PATTERNS:
        saved = json.loads(tokenizer(name, ["a"], []).to_str())
        found[name] = {"normalizer": saved["normalizer"], "pre_tokenizer": saved["pre_tokenizer"],
                       "ignore_merges": saved["model"]["ignore_merges"]}
    (FOLDER / "stages.json").write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def model_ids(name, path, pattern):
    import gguf
    fields = gguf.GGUFReader(path).fields
    strings = lambda key: [bytes(fields[key].parts[i]).decode() for i in fields[key].data]
    t = tokenizer(pattern, strings("tokenizer.ggml.tokens"), strings("tokenizer.ggml.merges"))
    write_ids(FOLDER / f"{name}.ids", [t.encode(x, add_special_tokens=False).ids for x in read_corpus()])


def write_gguf(path, pre, tokens, merges):
    import gguf
    w = gguf.GGUFWriter(path, "llama")
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre(pre)
    w.add_token_list(tokens)
    w.add_token_types([1] * len(tokens))
    w.add_token_merges(merges)
    w.add_bos_token_id(0)
    w.add_eos_token_id(0)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def compare_llama():
    from llama_cpp import Llama
    texts, (tokens, merges) = read_corpus(), vocabulary()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for name, (_, pre) in PATTERNS.items():
            path = f"{folder}/{name}.gguf"
            write_gguf(path, pre, tokens, merges)
            llama = Llama(model_path=path, vocab_only=True, verbose=False)
            wanted = [llama.tokenize(x.encode(), add_bos=False, special=False) for x in texts if x]
            simplified = LLAMA_SIMPLIFIES.get(name)
            for label, stages in (("original", None), ("simplified likewise", simplified))[:1 + (simplified is not None)]:
                t = tokenizer(name, tokens, merges, stages)
                differ = [x for x, ids in zip(filter(None, texts), wanted) if t.encode(x, add_special_tokens=False).ids != ids]
                failed |= bool(differ) and (stages is not None or not simplified)
                print(f"{name} ({pre}), {label}: {len(differ)} of {len(texts)} texts differ" +
                      "".join(f"\n    {x!r}" for x in differ[:args.show]))
    sys.exit(failed)


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("command", choices=["corpus", "ids", "stages", "model", "llama"])
parser.add_argument("arguments", nargs="*")
parser.add_argument("--show", type=int, default=0, help="print so many texts that differ")
args = parser.parse_args()
{"corpus": write_corpus, "ids": write_all_ids, "stages": write_stages, "model": lambda: model_ids(*args.arguments), "llama": compare_llama}[args.command]()
