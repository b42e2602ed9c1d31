# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bad inputs for resqc, made from good ones with a fixed seed: cut, bit-flipped and lying GGUF files, checkpoints without a
tensor or with a wrong one, broken module text and bytecode, outputs that can't be written, impossible options.

cases(folder, good, qwen2, imported, bytecode) writes the files and yields Case objects; run.py runs them."""
import os
import random
import re
import struct

GGUF_TYPES = {"Q5_0": 6, "Q5_1": 7, "Q2_K": 10, "Q4_K": 12, "Q6_K": 14, "I32": 26, "F64": 28, "nothing": 77}


class Case:
    """resqc must end with an error whose one line holds all of `names`, and leave nothing behind."""

    def __init__(self, name, arguments, names=(), output="out", limit=None, setup=None, stdout=None, disk=None):
        self.name, self.arguments, self.names, self.output = name, arguments, list(names), output
        self.limit, self.setup, self.stdout = limit, setup, stdout # bytes a file may have; a function or (variable, value)
        self.disk = disk # bytes of a file system of its own at `disk`, where it can be mounted


# -- Where things stand in a GGUF file ------------------------------------------

class Layout:
    """Spans (start, end) of a file's fields."""

    def __init__(self, data):
        self.data, self.at = data, 4
        self.fields = {"magic": [(0, 4)], "version": [self.span(4)], "tensor count": [self.span(8)], "key count": [self.span(8)]}
        n_tensors, n_keys = (int.from_bytes(data[a:a + 8], "little") for a in (8, 16))
        self.values, self.tensors = {}, {}
        for _ in range(n_keys):
            self.key()
        for _ in range(n_tensors):
            self.tensor()
        self.data_start = (self.at + 31) // 32 * 32

    def span(self, size):
        self.at += size
        return (self.at - size, self.at)

    def number(self, size):
        a, b = self.span(size)
        return int.from_bytes(self.data[a:b], "little")

    def add(self, kind, span):
        self.fields.setdefault(kind, []).append(span)

    def text(self, kind):
        self.add(kind + " size", (self.at, self.at + 8))
        a, b = self.span(self.number(8))
        self.add(kind, (a, b))
        return self.data[a:b].decode()

    def key(self):
        name = self.text("key")
        self.add("value type", (self.at, self.at + 4))
        kind = self.number(4)
        start = self.at
        self.value(kind)
        self.values[name] = (start, self.at)

    def value(self, kind):
        if kind == 8:
            self.text("value")
        elif kind == 9:
            self.add("array type", (self.at, self.at + 4))
            inner = self.number(4)
            self.add("array size", (self.at, self.at + 8))
            for _ in range(self.number(8)):
                self.value(inner)
        else:
            self.span({0: 1, 1: 1, 7: 1, 2: 2, 3: 2, 10: 8, 11: 8, 12: 8}.get(kind, 4))

    def tensor(self):
        name = self.text("tensor name")
        start = self.at
        self.add("dimension count", (self.at, self.at + 4))
        n = self.number(4)
        for _ in range(n):
            self.add("dimension", self.span(8))
        self.add("tensor type", self.span(4))
        self.add("tensor offset", self.span(8))
        self.tensors[name] = (start, n)


def put(data, at, value):
    return data[:at] + value + data[at + len(value):]


def flip(data, at, bit):
    return put(data, at + bit // 8, bytes([data[at + bit // 8] ^ 1 << bit % 8]))


# -- Checkpoints -----------------------------------------------------------------

def cut_files(good, layout, rng):
    places = [0, 1, 3, 4, 7, 8, 15, 16, 23, 24, layout.data_start - 1, layout.data_start, len(good) - 1]
    places += sorted(rng.sample(range(25, layout.data_start), 15)) + sorted(rng.sample(range(layout.data_start, len(good)), 4))
    for place in places:
        yield f"cut at {place}", good[:place], []


# Bits of a field whose flip can't give a good file again: a type F32 that becomes F16, a count of tensors that fits...
# are left out, as are flips in texts and numbers that may have any value.
FLIPS = {"magic": range(32), "version": range(2, 32), "tensor count": range(64), "key count": range(64), "key size": range(64),
         "value type": range(4, 32), "array type": range(4, 32), "array size": range(5, 64), "tensor name": range(32),
         "tensor name size": range(64), "dimension count": range(32), "dimension": range(64), "tensor type": range(4, 32),
         "tensor offset": [0, 1, 2, 3, 4, *range(24, 64)]}


def flipped_files(good, layout, rng):
    for kind, bits in FLIPS.items():
        for i in range(5):
            start, end = rng.choice(layout.fields[kind])
            bit = rng.choice([b for b in bits if b < 8 * (end - start)])
            yield f"bit {bit} of {kind} at {start}", flip(good, start, bit), []


def lying_files(good, layout, rng):
    huge = [(1 << 64) - 1, 1 << 63, 1 << 48, 1 << 32]
    for kind in ("tensor count", "key count", "key size", "value size", "array size", "tensor name size", "tensor offset",
                 "dimension"):
        for value in huge:
            start, end = rng.choice(layout.fields[kind])
            yield f"{kind} {value} at {start}", put(good, start, value.to_bytes(8, "little")), []
    for product in ((1 << 33, 1 << 33), (1 << 62, 4), (0, 64)):
        start, _ = layout.tensors["blk.0.attn_q.weight"]
        yield (f"dimensions {product}", put(good, start + 4, struct.pack("<2Q", *product)), ["blk.0.attn_q.weight"])
    for value in (0, 5, 1 << 31):
        start, _ = layout.tensors["output_norm.weight"]
        yield f"{value} dimensions", put(good, start, struct.pack("<I", value)), []


def wrong_tensors(good, layout):
    for name, (start, n) in layout.tensors.items():
        at = start - len(name)
        yield f"no {name}", put(good, at, b"?" + name[1:].encode()), [name]
    for name, (start, n) in layout.tensors.items():
        if n == 2:
            columns, rows = struct.unpack_from("<2Q", good, start + 4)
            if rows != columns:
                yield f"{name} turned", put(good, start + 4, struct.pack("<2Q", rows, columns)), [name]
            # The same bytes in another shape.
            yield f"{name} flat", put(good, start + 4, struct.pack("<2Q", columns * rows, 1)), [name]
        else:
            yield f"{name} half", put(good, start + 4, struct.pack("<Q", 32)), [name]
    names = list(layout.tensors)
    for a, b in (("blk.0.attn_q.weight", "blk.1.attn_q.weight"), ("blk.0.ffn_up.weight", "blk.1.ffn_up.weight")):
        yield f"two of {b}", put(good, layout.tensors[a][0] - len(a), b.encode()), [b]
    for kind, number in GGUF_TYPES.items():
        start, n = layout.tensors["blk.0.attn_q.weight"]
        yield f"type {kind}", put(good, start + 4 + 8 * n, struct.pack("<I", number)), ["blk.0.attn_q.weight"]
    assert names


def wrong_keys(good, layout):
    def text(key, value):
        start, end = layout.values[key]
        assert end - start - 8 == len(value), key
        return put(good, start + 8, value)

    yield "architecture", text("general.architecture", b"gemma"), ["general.architecture", "gemma", "llama"]
    yield "terminal", text("general.architecture", b"\x1b]0;P"), ["general.architecture", "\\x1b]0;P", "llama"]
    yield "terminal, turned", text("general.architecture", b"\xe2\x80\xaeab"), ["general.architecture", "\\u202eab"]
    yield "tokenizer", text("tokenizer.ggml.model", b"bert"), ["tokenizer.ggml.model", "bert"]
    yield "pretokenizer", text("tokenizer.ggml.pre", b"nosuch"), ["nosuch"]
    for key, values in {"block_count": [0, 3, 1 << 31], "embedding_length": [0, 63, 128, (1 << 32) - 1],
                        "feed_forward_length": [0, 95, 1 << 30], "attention.head_count": [0, 5, 1 << 20],
                        "attention.head_count_kv": [0, 3, 1 << 20], "rope.dimension_count": [15, 1 << 30],
                        "context_length": [0]}.items():
        for value in values:
            start, _ = layout.values[f"llama.{key}"]
            yield f"{key} {value}", put(good, start, struct.pack("<I", value)), []
    for key, values in {"rope.freq_base": [0.0, float("nan"), -1.0], "attention.layer_norm_rms_epsilon": [float("inf"), -1.0]}.items():
        for value in values:
            start, _ = layout.values[f"llama.{key}"]
            yield f"{key} {value}", put(good, start, struct.pack("<f", value)), [key]
    for key in ("general.architecture", "llama.block_count", "llama.embedding_length", "llama.attention.head_count",
                "tokenizer.ggml.tokens", "tokenizer.ggml.merges"):
        at = good.index(key.encode())
        yield f"no {key}", put(good, at, b"?"), [key]


# -- A qwen2 checkpoint of Q5_K ----------------------------------------------------
# One layer, 8 heads of 64 over 2 kv heads, hidden 256: biases, a head size that is said, blocks of 256 elements in 176 bytes.

def qwen2_keys(good, layout):
    start, _ = layout.values["general.architecture"]
    yield "architecture", put(good, start + 8, b"qwen9"), ["general.architecture", "qwen9", "'llama' and 'qwen2'"]
    for key, values in {"attention.key_length": [0, 63, 32, 1 << 30], "attention.value_length": [0, 32], "block_count": [0, 2],
                        "attention.head_count": [3, 4]}.items():
        for value in values:
            start, _ = layout.values[f"qwen2.{key}"]
            yield f"{key} {value}", put(good, start, struct.pack("<I", value)), []
    # Keys of another architecture don't count.
    for key in ("block_count", "attention.layer_norm_rms_epsilon"):
        at = good.index(f"qwen2.{key}".encode())
        yield f"no {key}", put(good, at, b"qwen1"), [f"qwen2.{key}"]


def qwen2_tensors(good, layout):
    for stem, size in (("q", 512), ("k", 128), ("v", 128)):
        name = f"blk.0.attn_{stem}.bias"
        start, _ = layout.tensors[name]
        yield f"no {name}", put(good, start - 1, b"?"), [name]
        for wrong in (1, size - 1, size // 2):
            yield f"{name} of {wrong}", put(good, start + 4, struct.pack("<Q", wrong)), [name, f"[{wrong}]", f"[{size}]"]
        yield f"{name} of 2^62", put(good, start + 4, struct.pack("<Q", 1 << 62)), [name]
    name = "blk.0.attn_v.weight"
    start, n = layout.tensors[name]
    kind = start + 4 + 8 * n
    offset = layout.data_start + int.from_bytes(good[kind + 4:kind + 12], "little")
    for columns in (32, 255, 257):
        yield f"rows of {columns}", put(good, start + 4, struct.pack("<Q", columns)), [name, f"rows of {columns}", "256"]
    for other in ("F32", "F16", "Q8_0", "Q6_K"): # larger: into the next tensor
        number = {"F32": 0, "F16": 1, "Q8_0": 8, "Q6_K": 14}[other]
        yield f"{other} in place of Q5_K", put(good, kind, struct.pack("<I", number)), ["overlap", name]
    for number in (10, 11, 15, 16): # of 256 elements, too
        yield f"type {number}", put(good, kind, struct.pack("<I", number)), [name, f"({number})"]
    for what, at in (("scale", 0), ("minimum", 2)):
        for value in (b"\x00\x7c", b"\x00\xfc", b"\x01\x7e"):
            yield f"{what} {value.hex()} of a block", put(good, offset + 176 * 5 + at, value), [name, "row 5", "finite"]
    for cut in (40, 176, 177, 300): # into and over blocks of the head, which stands last
        yield f"{cut} bytes short", good[:-cut], ["output.weight", "cut off"]


# -- What is no model: the case "not GGUF" -------------------------------------------

def foreign_files():
    """(name, content, what the error says it looks like), each in a file named .gguf."""
    convert, folder = "save the model as safetensors", "give the folder with its config.json"
    yield "a Git LFS pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12\n", ["Git LFS pointer", "git lfs pull"]
    yield "an HTML page", b"\n<!DOCTYPE html>\n<html><head><title>Log in</title></head></html>\n", ["HTML page"]
    yield "a server's refusal", b"Entry not found", ["server's error message"]
    yield "a server's refusal in JSON", b'{"error":"Repository not found"}', ["server's error message, in JSON"]
    yield "a server's refusal in XML", b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', ["XML"]
    yield "a config.json", b'{\n  "architectures": ["LlamaForCausalLM"],\n  "model_type": "llama"\n}\n', ["config.json", folder]
    yield "an index", b'{"metadata": {}, "weight_map": {"a": "model-00001-of-00002.safetensors"}}', ["index", folder]
    yield "other JSON", b'[1, 2, 3]', ["JSON", "a Hugging Face folder"]
    yield "a zip", b"PK\x03\x04" + bytes(60), ["zip archive", "PyTorch", convert]
    yield "a pickle", b"\x80\x02}q\x00.", ["pickle", convert]
    yield "a safetensors file", struct.pack("<Q", 20) + b'{"a":{"dtype":"F32"}}' + bytes(40), ["safetensors", folder]
    yield "an ONNX model", b"\x08\x07\x12\x07pytorch\x1a\x052.1.0", ["ONNX", convert]
    yield "an ONNX model without a producer", b"\x08\x0a:\x9b\x04", ["ONNX", convert]
    yield "GGML", b"lmgg" + bytes(28), ["GGML"]
    yield "GGJT", b"tjgg\x03\0\0\0" + bytes(28), ["GGJT"]
    yield "a gzip", b"\x1f\x8b\x08\x08" + bytes(28), ["gzip", "unpack"]
    yield "a tar", b"model.gguf" + bytes(247) + b"ustar\x0000" + bytes(300), ["tar archive"]
    yield "zeros", bytes(5000), ["zeros"]
    yield "an artifact", b"\x7fELF\x02\x01\x01" + bytes(57), ["program or library"]
    yield "noise", bytes([1, 0, 7]) * 50, ["binary data of no known format"]
    yield "a letter", b"Dear reader,\n\x1b]0;this is no model\x07.\n", ["text that begins with 'Dear reader,\\n\\x1b]0;"]


# -- Modules -----------------------------------------------------------------------

def replace(text, old, new):
    assert old in text, old
    return text.replace(old, new, 1)


def edited_modules(text):
    """(name, text): each has one thing wrong."""
    r = lambda name, old, new: (name, replace(text, old, new))
    yield r("an unknown op", "resq.linear ", "resq.linearr ")
    yield r("an unknown dialect", "func.func", "fun.func")
    yield r("an unknown value", "resq.linear %4", "resq.linear %4444")
    yield r("a value twice", "%2 = resq.rope_angles", "%1 = resq.rope_angles")
    yield r("an unknown param", "resq.get @l0.q", "resq.get @nothing")
    yield r("an unknown cache", "resq.kv_append @l0", "resq.kv_append @l7")
    yield r("an unknown checkpoint", "resq.leaf @checkpoint", "resq.leaf @nothing")
    yield r("an unknown tensor", '"blk.0.attn_q.weight"', '"blk.0.attn_z.weight"')
    yield r("a param's wrong type", "resq.param @l0.q : tensor<64x64xf32>", "resq.param @l0.q : tensor<64x63xf32>")
    yield r("a leaf's wrong type", '"blk.0.attn_v.weight" : tensor<32x64xf32>', '"blk.0.attn_v.weight" : tensor<32x65xf32>')
    yield r("a get's wrong type", "resq.get @l0.q : tensor<64x64xf32>", "resq.get @l0.q : tensor<64x65xf32>")
    yield r("an op's wrong type", "tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>",
            "tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x65xf32>")
    yield r("an integer type", "tensor<64x64xf32>", "tensor<64x64xi7>")
    yield r("a type that is none", "tensor<64x64xf32>", "tensor<64x64xf31>")
    yield r("a dimension too large for 64 bits", "tensor<64x64xf32>", "tensor<99999999999999999999x64xf32>")
    yield r("a tensor too large", "resq.param @l0.q : tensor<64x64xf32>",
            "resq.param @l0.q : tensor<4611686018427387904x4611686018427387904xf32>")
    yield r("heads that don't divide", "heads 4", "heads 3")
    yield r("no heads", "heads 4", "heads 0")
    yield r("heads below zero", "heads 4", "heads -4")
    yield r("an odd head", "head_size 16", "head_size 15")
    yield r("a cache of an unknown kind", 'keys #resq.kv_float<f16>', 'keys #resq.kv_float<f17>')
    yield r("a cache without heads", "heads 2 size 16", "heads 0 size 16")
    yield r("a cache of another size", "resq.kv_cache @l0 heads 2 size 16", "resq.kv_cache @l0 heads 2 size 8")
    yield r("eps that is text", "eps = 9.99999974E-6 : f32", 'eps = "small"')
    yield r("eps below zero", "eps = 9.99999974E-6 : f32", "eps = -1.0 : f32")
    yield r("base zero", "base = 1.000000e+04 : f32", "base = 0.0 : f32")
    yield r("another digest", 'digest = "', 'digest = "00')
    yield r("a file that isn't there", 'tiny.gguf"', 'missing.gguf"')
    yield r("a checkpoint of an unknown format", ', gguf', ', gguff')
    yield r("a folder as checkpoint", 'tiny.gguf"', '"')
    yield r("a symbol twice", "resq.param @l0.k ", "resq.param @l0.q ")
    yield r("a yield of the wrong thing", "resq.yield %0 : tensor<512x64xf32>", "resq.yield %0 : tensor<512x65xf32>")
    yield r("no return", "    return", "    // return")
    yield r("the return's wrong type", "return %55 : tensor<?x512xf32>", "return %55 : tensor<?x511xf32>")
    yield r("a brace too many", "module attributes", "} module attributes")
    yield r("a stray quote", "resq.version", 'resq"version')
    yield r("a module version of tomorrow", "resq.version = 2", "resq.version = 99")
    yield r("a tokenizer of an unknown kind", ' bpe ', ' unigram ')
    yield ("no function", text[:text.index("  func.func")] + "}\n")
    yield ("deep braces", "module {" * 100000)
    yield ("deep types", "func.func private @f(" + "tuple<" * 100000)
    yield ("deep attributes", "module attributes {a = " + "[" * 100000)
    yield ("deep regions", 'module {\n' + '"a.b"() ({\n' * 300 + "})\n" * 300 + "}\n")
    yield ("a NUL", text[:500] + "\0" + text[500:])
    yield ("not UTF-8", replace(text, "@l0.q ", "@l0.\udcff\udcfe "))
    yield ("a number too large", replace(text, "eps = 9.99999974E-6", "eps = 1" + "0" * 500))
    yield ("a long line", replace(text, "resq.get @l0.q", "resq.get @" + "q" * 200000))
    yield ("an empty module", "module {}\n")
    yield ("another program", "func.func @main() { return }\n")
    yield ("only a comment", "// nothing\n")
    yield ("an alias of itself", "!a = !a\nmodule {}\n")


CHECKPOINT_ERRORS = {"an unknown tensor": ["tiny.gguf", "blk.0.attn_z.weight"], "another digest": ["tiny.gguf"],
                     "a file that isn't there": ["missing.gguf"], "a folder as checkpoint": ["/"],
                     "a tensor too large": []}


def library_modules():
    """(name, text, what the error says) of modules that are compiled to shared libraries: the cases "attribute types" and
    "library calls"."""
    function = "func.func @f(%x: tensor<?x16xf32>{}) -> tensor<?x16xf32> {{ {} return %{} : tensor<?x16xf32> }}"
    yield "a name that is a number", function.format(" {resq.name = 3 : i64}", "", "x"), [":1:1:", "argument 0", "resq.name", "string"]
    order = [900000000, *range(1, 16)]
    yield ("indices out of range", f"resq.param @o : tensor<16xi32> {{ %c = arith.constant dense<{order}> : tensor<16xi32>\n"
           "  resq.yield %c : tensor<16xi32> }\n" + function.format("", "%o = resq.get @o : tensor<16xi32>\n %y = resq.permute %x by %o "
           ": tensor<16xi32> : tensor<?x16xf32> -> tensor<?x16xf32>\n", "y"), ["param @o", "900000000", "0 to 15 are allowed"])


def cut_modules(text, rng):
    # At the end of the last brace the module is whole.
    for place in sorted(rng.sample(range(1, len(text) - 4), 12)):
        yield f"module cut at {place}", text[:place]


def edited_bytecode(data, rng):
    for place in [4, 5, 8, 16, *sorted(rng.sample(range(20, len(data) - 1), 8))]:
        yield f"bytecode cut at {place}", data[:place]
    # Before them stands the producer's name, which may be any.
    for _ in range(8):
        place = rng.randrange(24, 120)
        yield f"bytecode with other bytes at {place}", put(data, place, rng.randbytes(6))


# -- Outputs and options -------------------------------------------------------------

def bad_outputs(folder, good):
    model = [good]
    yield Case("no such folder", model, ["nowhere"], output="nowhere/out")
    yield Case("a folder as output", model, ["."], output=".")
    yield Case("a file as folder", model, ["file"], output="file/out", setup=lambda at: open(os.path.join(at, "file"), "w").close())
    yield Case("a long name", model, [], output="n" * 300)
    yield Case("a longer path", model, [], output="d/" * 3000 + "out")
    yield Case("an empty output", model, [], output="")
    yield Case("the input as output", model, [os.path.basename(good)], output=good)
    yield Case("a binary to standard output", model, ["-o -"], output="-")
    yield Case("text to a full device", [good, "--emit=import"], ["standard output"], output="-", stdout="/dev/full")
    for size in (0, 1, 4096, 100000, 700000, 1500000):
        yield Case(f"files of at most {size} bytes", [good, "--levels=generic"], [], limit=size)
    for size in (0, 100, 10000):
        yield Case(f"text of at most {size} bytes", [good, "--emit=resq"], [], limit=size)
    yield Case("an object of at most 5000 bytes", [good, "--emit=obj", "--levels=generic"], [], limit=5000)
    yield Case("statistics of at most 100 bytes", [good, "--calibrate-only", "--scheme=resq-w4a4kv4", "--calibration-windows=1",
                                                   "--statistics=stats"], [], output=None, limit=100)
    for size in (4096, 100000, 900000):
        yield Case(f"a disk of {size} bytes", [good, "--levels=generic"], ["disk/out", "No space left"], output="disk/out", disk=size)
        yield Case(f"TMPDIR on a disk of {size} bytes", [good, "--levels=generic"], ["disk"], setup=("TMPDIR", "disk"), disk=size)
    for tmpdir in ("/nowhere", "/proc"):
        yield Case(f"TMPDIR={tmpdir}", model, [tmpdir], setup=("TMPDIR", tmpdir))


def bad_options(folder, good):
    def one(option, *names):
        return Case(option, [good, option], names)

    garbage, empty, binary = (os.path.join(folder, name) for name in ("garbage.stats", "empty.txt", "binary.txt"))
    with open(garbage, "wb") as file:
        file.write(bytes(range(256)) * 8)
    open(empty, "wb").close()
    with open(binary, "wb") as file:
        file.write(b"\xff\xfe\0" * 100)
    yield one("--nothing", "nothing")
    yield one("-x", "x")
    yield one("--scheme=w1a1", "w1a1", "resq-w4a4kv4")
    yield one("--scheme=", "scheme")
    yield one("--emit=elf", "elf", "exe")
    yield one("--kv=int1", "int1", "int2 to int8")
    yield one("--kv=", "keys is ''")
    yield one("--kv=resq:qjl3", "values", "qjl3")
    yield one("--kv=keys=resq:lm5", "lm5", "lm1 to lm4")
    yield one("--kv=keys=resq:basis=best", "best", "balanced")
    yield one("--kv=keys=resq:high=2", "high=2", "basis")
    yield one("--kv=keys=f16}resq-fuse", "--kv")
    yield one("--kv=resq,seed=3", "resq,seed=3")
    yield one("--kv=keyss=f16", "keyss")
    yield one("--kv=keys=int9", "int9")
    yield one("--weights=f99", "f99")
    for option in ("threads", "seed", "decode-rows", "prefill-rows", "calibration-windows"):
        for value in ("-1", "x", "1x", "99999999999999999999", ""):
            yield one(f"--{option}={value}", option)
    for value in ("16", "0,16", "16,0", "16,x", "257,2048", "16,4097", ",", "16,32,64", "99999999999999999999999999999999999,1"):
        yield one(f"--gpu-rows={value}", "--gpu-rows")
    for value in ("", "quick", "exact,fast"):
        yield one(f"--gpu-arithmetic={value}", "--gpu-arithmetic", "fast, exact")
    yield one("--chip=sm_70", "sm_70", "sm_90a, sm_80")
    yield one("--chip=", "chip ''")
    yield one("--chip=sm_80:/nowhere/kernels.bc", "/nowhere/kernels.bc")
    yield one(f"--chip=sm_80:{garbage}", "no LLVM bitcode")
    yield one(f"--chip=sm_80:{empty}", "no LLVM bitcode")
    yield one("--levels=", "--levels")
    yield one("--levels=avx1024", "avx1024", "avx512")
    yield one("--levels=generic,generic", "generic")
    yield one("--passes=nothing", "nothing")
    yield one("--passes=resq-split{nothing=1}", "nothing")
    yield one("--passes=resq-fold-norm,", "resq-fold-norm")
    yield one("--passes=((((", "((((")
    yield one("--calibrate-only", "--statistics")
    with_statistics = ["--scheme=resq-w4a4kv4"]
    for name, path in (("missing", "/nowhere/file"), ("a folder", folder), ("garbage", garbage), ("empty", empty)):
        yield Case(f"statistics: {name}", [good, f"--statistics={path}", *with_statistics], [os.path.basename(path)])
    for name, path in (("missing", "/nowhere/file"), ("a folder", folder), ("empty", empty)):
        yield Case(f"calibration text: {name}", [good, f"--calibration={path}", *with_statistics], [os.path.basename(path)])
    yield Case("no model", [], [])
    yield Case("two models", [good, good], ["one model"])
    yield Case("no output", [good], ["-o"], output=None)
    yield Case("a model that isn't there", ["/nowhere/model.gguf"], ["/nowhere/model.gguf"])
    yield Case("a folder as model", [folder], [os.path.basename(folder)])
    yield Case("a device as model", ["/dev/null"], ["/dev/null"])
    yield Case("an empty name", [""], [])
    for kind in (binary, empty, garbage):
        yield Case(f"{os.path.basename(kind)} as model", [kind], [os.path.basename(kind)])


# -- All ---------------------------------------------------------------------------------

def cases(folder, good_path, qwen2_path, imported, bytecode):
    """good_path: a good checkpoint `tiny.gguf` in folder; imported: its module as text; bytecode: the same. qwen2_path: another
    good one, of architecture qwen2 and type Q5_K."""
    rng = random.Random(2025)
    with open(good_path, "rb") as file:
        good = file.read()
    layout = Layout(good)
    with open(qwen2_path, "rb") as file:
        qwen2 = file.read()
    count = 0

    def from_file(name, data, names, extension):
        nonlocal count
        count += 1
        base = f"bad{count}.{extension}"
        if isinstance(data, str):
            data = data.encode(errors="surrogateescape")
        with open(os.path.join(folder, base), "wb") as file:
            file.write(data)
        # An error in a checkpoint names the file; one in text its line, or the symbol that stands there.
        return Case(name, [os.path.join(folder, base)], [base, *names])

    for files in (cut_files(good, layout, rng), flipped_files(good, layout, rng), lying_files(good, layout, rng),
                  wrong_tensors(good, layout), wrong_keys(good, layout)):
        for name, data, names in files:
            yield from_file(f"gguf: {name}", data, names, "gguf")
    for files in (qwen2_keys(qwen2, Layout(qwen2)), qwen2_tensors(qwen2, Layout(qwen2))):
        for name, data, names in files:
            yield from_file(f"qwen2: {name}", data, names, "gguf")
    for name, data, names in foreign_files():
        yield from_file(f"not GGUF: {name}", data, ["not a GGUF file or an MLIR module", *names], "gguf")
    for name, text in [*edited_modules(imported), *cut_modules(imported, rng)]:
        case = from_file(f"mlir: {name}", text, [], "mlir")
        if name in CHECKPOINT_ERRORS: # names the checkpoint and what is wrong in it, not the line that asked for it
            case.names = CHECKPOINT_ERRORS[name]
        yield case
    for name, text, names in library_modules():
        case = from_file(f"library: {name}", text, names, "mlir")
        case.arguments += ["--emit=shared", "--levels=generic"]
        yield case
    for name, data in edited_bytecode(bytecode, rng):
        yield from_file(f"bytecode: {name}", data, [], "mlirbc")
    yield from bad_outputs(folder, good_path)
    yield from bad_options(folder, good_path)


def line_of(message):
    """The place in a text file that a message names, or None."""
    found = re.search(r"\.mlir:(\d+):(\d+):", message)
    return found and (int(found.group(1)), int(found.group(2)))
