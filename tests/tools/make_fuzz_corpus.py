#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes inputs that fuzz targets begin with, tests/fuzz/corpus/NAME/, where they have a structure that mutation would take long to
find: what each target expects is told at the head of its file. Inputs of other origin (findings, cases) lie beside them."""
import json
import os
import struct

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
CORPUS = os.path.join(ROOT, "tests/fuzz/corpus")


def write(target, name, data):
    os.makedirs(os.path.join(CORPUS, target), exist_ok=True)
    with open(os.path.join(CORPUS, target, name), "wb") as file:
        file.write(data)


def statistics(*sites):
    """A file whose hashes the target puts right: (name, width, block, rows, kept, firsts) for each site."""
    data, directory = bytearray(64), b""
    for name, width, block, rows, kept, firsts in sites:
        moment = len(data)
        data += struct.pack("<d", 1.5) * (width * block)
        samples = len(data)
        data += struct.pack("<f", 0.5) * (kept * width)
        first_rows = len(data)
        data += struct.pack("<f", 0.25) * (firsts * width)
        directory += struct.pack("<I", len(name)) + name
        directory += struct.pack("<5q3Q", width, block, rows, kept, firsts, moment, samples, first_rows) + bytes(48)
    data[:32] = b"RESQSTAT" + struct.pack("<IIQQ", 3, len(sites), len(data), len(directory))
    return bytes(data) + directory


def safetensors(header, data):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def write_hugging_face():
    tensor = lambda dtype, shape, begin, end: {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    write("safetensors", "three", safetensors({"__metadata__": {"format": "pt"}, "a": tensor("F32", [2, 2], 0, 16),
                                               "b": tensor("F16", [4], 16, 24), "c": tensor("BF16", [2, 1, 2], 24, 32)}, bytes(range(32))))
    write("safetensors", "none", safetensors({}, b""))
    write("safetensors", "overlap", safetensors({"a": tensor("F32", [2], 0, 8), "b": tensor("F32", [2], 4, 12)}, bytes(12)))
    write("safetensors", "huge", safetensors({"a": tensor("F32", [1 << 62, 4], 0, 16)}, bytes(16)))
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    template = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [3], "tokens": ["<s>"]}}}
    added = [{"id": 3, "content": "<s>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}]
    for i, merges in enumerate((["a b"], [["a", "b"]])):
        digits = {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, level]}
        write("tokenizer_json", f"merges{i}", json.dumps({
            "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
            "pre_tokenizer": digits if i else level, "post_processor": {"type": "Sequence", "processors": [level, template]},
            "decoder": {"type": "ByteLevel"}, "model": {"type": "BPE", "dropout": None, "unk_token": None, "ignore_merges": False,
                                                       "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": merges}}).encode())


def main():
    write_hugging_face()
    write("statistics", "one", statistics((b"l0.q.in", 4, 4, 9, 2, 3)))
    write("statistics", "two", statistics((b"a", 6, 3, 5, 0, 0), (b"b", 1, 1, 1, 1, 1)))
    write("statistics", "none", statistics())
    write("param_cache", "entry", b"\x08" + b"parameter bytes of an entry, and then its footer" + bytes(56))
    write("ids", "ids", struct.pack("<4I", 0, 1, 49151, 0x7FFFFFFF))
    write("ids", "negative", struct.pack("<2I", 1, 0xFFFFFFFF))
    write("ids", "half", b"\1\0\0\0\2\0")
    for i, lines in enumerate([
            ["-p", "Hello", "-n", "8", "--temperature=0.7", "--top-p", "0.9", "--seed=3"], ["text.txt", "--window=256", "--json"],
            ["--ids", "file", "--all", "-o", "out"], ["-", "-o", "ids.u32"], ["--threads=2", "--profile"], ["--verify", "--json"]]):
        write("options", f"command{i}", bytes([i]) + "\n".join(lines).encode())
        write("options", f"table{i}", bytes([i]) + b"\n".join(bytes([1 + k]) + b"17" for k in range(12)))
    write("resqc_options", "compile", "\n".join([
        "model.gguf", "-o", "out", "--scheme=resq-w4a4kv4", "--kv=resq:lm3", "--levels=generic,avx2", "--decode-rows=4"]).encode())
    write("resqc_options", "calibrate", "\n".join([
        "--calibrate-only", "--statistics=s", "--calibration=t", "--seed=7", "--threads=1", "-v", "m.mlir"]).encode())
    write("resqc_options", "emit", b"m.mlir\n-o\n-\n--emit=llvm\n--passes=resq-split{basis=random}\n--weights=bf16")
    for i, code in enumerate(["f16", "resq:int4:basis=balanced:per=head", "lm3:basis=random:per=layer", "qjl3", "qjlg16:basis=none",
                              "qjl:rows=4d:outlier-rows=2d:outliers=3:buffer=32:window=64", "resq:lm2:basis=pca",
                              "keys=int4:basis=hadamard,values=resq seed=3"]):
        for mode in (0x10, 0x12, 0x13):
            write("kv", f"code{i}-{mode}", bytes([mode]) + code.encode())
    for i, more in enumerate([b"gptq", b"e4m3", b"none", b"best-w4a8kv4", b"bf16"]):
        for mode in (0x45, 0x4c, 0x83):
            write("kv", f"choice{i}-{mode}", bytes([mode]) + b"int4\0" + more)
    for i, text in enumerate(["resq-fold-norm,resq-split{basis=random rank=4},resq-kv{keys=resq:int4 values=f16}",
                              "builtin.module(resq-fuse,resq-pack{weights=bf16 head=f16})", "resq-quantize{weights=tcq4 clip=auto}",
                              "resq-split{channels=true channel-high=8},resq-fold-rotations,resq-insert-hadamard{sites=all}",
                              "resq-fuse,resq-pack,resq-lower-generic", "resq-tie-head,resq-instrument{sites=l0.q}"]):
        write("pipeline", f"text{i}", text.encode())
    for i in range(20): # programs of the grammar: every pass, with options
        write("pipeline", f"pass{i}", bytes([i, 2, i, 3 * i + 1, i + 1, 40 + i, 1, 0, 4, 1, 5, 8 * i, 2, 2, 0, 16, 7, 3]))
    hello = b"RESQLGT1" + struct.pack("<3q", 300, 64, 0)
    request = struct.pack("<2q3i", 0, 3, 1, 2, 3)
    write("logits_stream", "requests", b"\0" + request + struct.pack("<2qi", 3, 1, 299))
    write("logits_stream", "huge", b"\0" + struct.pack("<2q", 1, 1 << 62))
    write("logits_stream", "composed", b"\1\0\3\1" + bytes(range(6)) + b"\3\1\2\1\0\0\1\376\1\0")
    write("logits_stream", "answer", b"\2" + hello + bytes(2400))
    write("logits_stream", "greeted", b"\3\0" + bytes(8) + bytes(2400))
    write("logits_stream", "flipped", b"\3\1" + struct.pack("<Q", 1 << 40))
    write("info", "metadata", b'{"name": "fake-1M", "scheme": "best-w4a8kv4", "context_length": 2048, "params": [1, 2.5, null, true]}')
    write("info", "deep", b"[" * 3000)
    write("info", "wrong", b'{"name": 7, "a": {"b": "\\u0000\\ud834\\udd1e"}}')
    write("artifact", "small", b"\177ELF" + bytes(60) + b'{"name": "x"}' + bytes(3)
          + struct.pack("<IIQQQ", 3, 0, 0, 13, 0) + b"RESQART1" + struct.pack("<IIQQ", 1, 1, 80, 0))


if __name__ == "__main__":
    main()
