#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes the model of a GGUF file as a Hugging Face folder: config.json, safetensors, tokenizer.json and what belongs to it.

The weights are those of the GGUF file, decoded; rows of q and k of a llama are put in the order of Hugging Face. tokenizer.json has
the GGUF's tokens and merges, and the stages that the original of its pre-tokenizer has. Of the other files' keys, those that resq
reads are written. Standard library alone for F32 files; other types of the GGUF need the packages `gguf` and `numpy`.
"""
import argparse
import json
import os
import pathlib
import struct

LLAMA3 = ("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|"
          "\\s+(?!\\S)|\\s+")
STEMS = {"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
         "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj",
         "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
WHOLE = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight", "output.weight": "lm_head.weight"}
FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


# -- Reading GGUF -------------------------------------------------------------

class Gguf:
    """Metadata, and tensors as (shape, outermost first, and their bytes as F32)."""

    def __init__(self, path):
        self.data, self.at = pathlib.Path(path).read_bytes(), 8
        n_tensors, n_values = self.take("QQ")
        self.values = {}
        for _ in range(n_values):
            key = self.text()
            self.values[key] = self.value(self.take("I")[0])
        infos = []
        for _ in range(n_tensors):
            name, rank = self.text(), self.take("I")[0]
            shape = self.take(f"{rank}Q")[::-1]
            infos.append((name, shape, *self.take("IQ")))
        base = self.at + -self.at % self.values.get("general.alignment", 32)
        self.tensors = {name: (shape, self.decode(shape, kind, base + offset)) for name, shape, kind, offset in infos}

    def take(self, form):
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values

    def text(self):
        size = self.take("Q")[0]
        self.at += size
        return self.data[self.at - size:self.at].decode()

    def value(self, kind):
        if kind == 8:
            return self.text()
        if kind != 9:
            return self.take(FORMATS[kind])[0]
        element, count = self.take("IQ")
        return [self.text() for _ in range(count)] if element == 8 else list(self.take(f"{count}{FORMATS[element]}"))

    def decode(self, shape, kind, offset):
        count = 1
        for extent in shape:
            count *= extent
        if kind == 0:
            return self.data[offset:offset + 4 * count]
        import gguf
        import numpy
        elements, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType(kind)]
        raw = numpy.frombuffer(self.data, numpy.uint8, count // elements * size, offset)
        raw = raw.reshape(-1, shape[-1] // elements * size)
        return gguf.quants.dequantize(raw, gguf.GGMLQuantizationType(kind)).astype("<f4").tobytes()


# -- Tensors ------------------------------------------------------------------

def halves(data, row, heads):
    """Rows of heads in the order (0, 2, 4, ..., 1, 3, 5, ...): what llama.cpp's converter interleaved."""
    rows = [data[i:i + row] for i in range(0, len(data), row)]
    size = len(rows) // heads
    order = [*range(0, size, 2), *range(1, size, 2)]
    return b"".join(rows[head * size + i] for head in range(heads) for i in order)


def tensors_of(source, architecture, heads, kv_heads):
    """Hugging Face's names, shapes and bytes as F32."""
    out = {}
    for name, (shape, data) in source.tensors.items():
        if name == "rope_freqs.weight":
            continue
        parts = name.split(".")
        if name in WHOLE:
            out[WHOLE[name]] = shape, data
            continue
        if architecture == "llama" and parts[2] in ("attn_q", "attn_k"):
            data = halves(data, 4 * (shape[1] if len(shape) == 2 else 1), heads if parts[2] == "attn_q" else kv_heads)
        out[f"model.layers.{parts[1]}.{STEMS[parts[2]]}.{parts[3]}"] = shape, data
    return out


def narrow(data, kind):
    if kind == "F32":
        return data
    values = struct.unpack(f"<{len(data) // 4}f", data)
    if kind == "F16":
        return struct.pack(f"<{len(values)}e", *values)
    bits = struct.unpack(f"<{len(values)}I", data)
    return struct.pack(f"<{len(bits)}H", *[(b + 0x7FFF + (b >> 16 & 1)) >> 16 & 0xFFFF for b in bits])


def write_safetensors(path, tensors, kind):
    header, at, parts = {"__metadata__": {"format": "pt"}}, 0, []
    for name, (shape, data) in tensors.items():
        data = narrow(data, kind)
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [at, at + len(data)]}
        at += len(data)
        parts.append(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))


def write_weights(folder, tensors, o):
    if o.shards == 1:
        return write_safetensors(folder / "model.safetensors", tensors, o.type)
    names, index = list(tensors), {}
    for i in range(o.shards):
        file = f"model-{i + 1:05}-of-{o.shards:05}.safetensors"
        part = names[i::o.shards]
        index.update({name: file for name in part})
        write_safetensors(folder / file, {name: tensors[name] for name in part}, o.type)
    write_json(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": dict(sorted(index.items()))})


# -- The other files ----------------------------------------------------------

def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def config_of(source, architecture):
    get = lambda key, missing=None: source.values.get(f"{architecture}.{key}", missing)
    width, heads = get("embedding_length"), get("attention.head_count")
    config = {"architectures": [{"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM"}[architecture]], "model_type": architecture,
              "hidden_size": width, "num_hidden_layers": get("block_count"), "num_attention_heads": heads,
              "num_key_value_heads": get("attention.head_count_kv", heads), "intermediate_size": get("feed_forward_length"),
              "vocab_size": source.tensors["token_embd.weight"][0][0], "max_position_embeddings": get("context_length"),
              "rms_norm_eps": get("attention.layer_norm_rms_epsilon"), "rope_theta": get("rope.freq_base", 10000.0),
              "hidden_act": "silu", "tie_word_embeddings": "output.weight" not in source.tensors, "torch_dtype": "float32",
              "bos_token_id": source.values.get("tokenizer.ggml.bos_token_id"),
              "eos_token_id": source.values.get("tokenizer.ggml.eos_token_id")}
    if get("attention.key_length", width // heads) != width // heads:
        config["head_dim"] = get("attention.key_length")
    if architecture == "llama":
        config["attention_bias"] = "blk.0.attn_q.bias" in source.tensors
        config["mlp_bias"] = "blk.0.ffn_up.bias" in source.tensors
    return config


def stages_of(pre):
    """normalizer, pre_tokenizer and ignore_merges of the originals."""
    split = lambda regex: {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}
    level = lambda regex: {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": regex}
    sequence = lambda *stages: {"type": "Sequence", "pretokenizers": list(stages)}
    return {"smollm": (None, sequence({"type": "Digits", "individual_digits": True}, level(True)), False),
            "gpt-2": (None, level(True), False),
            "llama-bpe": (None, sequence(split(LLAMA3), level(False)), True),
            "qwen2": ({"type": "NFC"}, sequence(split(LLAMA3.replace("{1,3}", "")), level(False)), False)}[pre]


def write_tokenizer(folder, source, o):
    get = lambda key, missing=None: source.values.get(f"tokenizer.ggml.{key}", missing)
    tokens, types = get("tokens"), get("token_type")
    normalizer, pre, whole = stages_of(get("pre"))
    added = [{"id": i, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
              "special": types[i] == 3} for i, token in enumerate(tokens) if types[i] in (3, 4)]
    merges = [merge.split(" ") if o.merges == "pairs" else merge for merge in get("merges")]
    bos = get("bos_token_id")
    post = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}
    if get("add_bos_token"):
        first = {"SpecialToken": {"id": tokens[bos], "type_id": 0}}
        text = lambda name, number: {"Sequence": {"id": name, "type_id": number}}
        post = {"type": "TemplateProcessing", "single": [first, text("A", 0)], "pair": [first, text("A", 0), first, text("B", 1)],
                "special_tokens": {tokens[bos]: {"id": tokens[bos], "ids": [bos], "tokens": [tokens[bos]]}}}
    vocabulary = {token: i for i, token in enumerate(tokens) if types[i] == 1 or o.special_in_vocabulary and types[i] != 5}
    write_json(folder / "tokenizer.json", {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": normalizer, "pre_tokenizer": pre,
        "post_processor": post, "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "",
                  "fuse_unk": False, "byte_fallback": False, "ignore_merges": whole, "vocab": vocabulary, "merges": merges}})
    write_json(folder / "tokenizer_config.json", {
        "added_tokens_decoder": {str(token["id"]): {key: value for key, value in token.items() if key != "id"} for token in added},
        "bos_token": None if bos is None else tokens[bos], "eos_token": tokens[get("eos_token_id")],
        "clean_up_tokenization_spaces": False, "tokenizer_class": "PreTrainedTokenizerFast"})
    template = source.values.get("tokenizer.chat_template")
    if template:
        (folder / "chat_template.jinja").write_text(template)


def write_generation(folder, source):
    names = {"temp": "temperature", "top_k": "top_k", "top_p": "top_p", "min_p": "min_p", "penalty_repeat": "repetition_penalty"}
    found = {name: source.values[f"general.sampling.{key}"] for key, name in names.items() if f"general.sampling.{key}" in source.values}
    if found:
        write_json(folder / "generation_config.json", {"do_sample": True, **found})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gguf")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--type", choices=["F32", "F16", "BF16"], default="F32")
    parser.add_argument("--shards", type=int, default=1, help="weights in so many files, with an index")
    parser.add_argument("--merges", choices=["pairs", "texts"], default="pairs", help="as newer and as older files have them")
    parser.add_argument("--special-in-vocabulary", action="store_true", help="special tokens are in the vocabulary, too")
    parser.add_argument("--config", action="append", default=[], metavar="KEY=JSON", help="a key more in config.json")
    o = parser.parse_args()
    source = Gguf(o.gguf)
    architecture = source.values["general.architecture"]
    config = config_of(source, architecture)
    for word in o.config:
        key, _, value = word.partition("=")
        config[key] = json.loads(value)
    os.makedirs(o.out, exist_ok=True)
    write_json(o.out / "config.json", config)
    write_weights(o.out, tensors_of(source, architecture, config["num_attention_heads"], config["num_key_value_heads"]), o)
    write_generation(o.out, source)
    if "tokenizer.ggml.tokens" in source.values:
        write_tokenizer(o.out, source, o)


if __name__ == "__main__":
    main()
