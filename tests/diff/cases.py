# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The cases of the differential tests: functions of one or a few ops over odd sizes, as module text, with their inputs and bounds.

A bound is on |a - b| / max |b| over a result, b being the definition's; 0 asks for the same bits. Bounds are some 4 to 10 times
what was seen: sums run in another order, exp and sin are the kernels' own.
"""
import random
from array import array
from dataclasses import dataclass, field, replace

ROWS = (1, 2, 5, 16, 17, 37)


@dataclass
class Call:
    """One call: each input is ("f", width) for rows of floats, or a list of ids; rows of a result differ from the input's at times."""
    rows: int
    ids: dict = field(default_factory=dict)  # input index -> ids
    result_rows: int = 0                     # 0: as rows


@dataclass
class Case:
    name: str
    inputs: list                             # widths of float inputs; 0 for ids
    widths: list                             # of results
    bound: float
    calls: list
    sequences: int = 1
    capacity: int = 192                      # tokens of a sequence
    scale: float = 1.0                       # of the inputs
    function: str = None                     # that it calls; None: its own, of its name


class Module:
    """Functions, params and caches of one compile, and the tensors that its checkpoint holds."""

    def __init__(self, name, seed):
        self.name, self.rng = name, random.Random(seed)
        self.head, self.functions, self.cases, self.tensors = [], [], [], []

    def param(self, shape, kind="F32", recipe=(), type_=None, deviation=1.0):
        """A param made of a random tensor: recipe is lines of (op text with {x}, result type); gives name and type."""
        name = f"p{len(self.tensors)}"
        count = 1
        for extent in shape:
            count *= extent
        self.tensors.append((name, shape, [self.rng.gauss(0, deviation) for _ in range(count)], kind))
        element = {"F32": "f32", "F16": "f16", "BF16": "bf16"}[kind]
        at = f"tensor<{'x'.join(map(str, shape))}x{element}>"
        lines = [f'    %0 = resq.leaf @data "{name}" : {at}']
        for i, (op, result) in enumerate(recipe):
            lines.append(f"    %{i + 1} = {op.format(x=f'%{i}', t=at, r=result)}")
            at = result
        self.head.append(f"  resq.param @{name} : {at} {{\n" + "\n".join(lines) +
                         f"\n    resq.yield %{len(recipe)} : {at}\n  }}")
        return name, at

    def constant(self, op, type_):
        name = f"m{len(self.head)}"
        self.head.append(f"  resq.param @{name} : {type_} {{\n    %0 = {op} : {type_}\n    resq.yield %0 : {type_}\n  }}")
        return name, type_

    def function(self, name, inputs, body, results, bound, calls=None, **more):
        """body lines name their operands %a0.. and end in values %y0..."""
        arguments = ", ".join(f"%a{i}: {rows(w) if w else 'tensor<?xi32>'}" for i, w in enumerate(inputs))
        types = ", ".join(rows(w) for w in results)
        values = ", ".join(f"%y{i}" for i in range(len(results)))
        self.functions.append(f"  func.func @{name}({arguments}) -> ({types}) {{\n" +
                              "\n".join(f"    {line}" for line in body) + f"\n    return {values} : {types}\n  }}")
        self.cases.append(Case(name, list(inputs), list(results), bound, calls or [Call(r) for r in ROWS], **more))

    def again(self, name, bound, calls):
        """The last function in another case, with other calls and another bound: compiled once."""
        last = self.cases[-1]
        self.cases.append(replace(last, name=name, bound=bound, calls=calls, function=last.function or last.name))

    def text(self, checkpoint):
        return "module {\n" + f'  resq.checkpoint @data "{checkpoint}", gguf\n' + "\n".join(
            self.head + self.functions) + "\n}\n"


def rows(width):
    return f"tensor<?x{width}xf32>"


def quant(width, bits, group, zero=False, pack_group=None, n=None, codebook=""):
    """Codes in rows, or packed for an activation in groups of `pack_group`; codebook: what the type says of it, if anything."""
    base = 8 if bits == 8 else 4 if bits >= 4 else 2
    stored = f", pack_group = {pack_group}, base = {base}" + f", planes = {bits - base}" * (bits > base)
    return (f"tensor<{n or '?'}x{width}x!resq.quant<bits = {bits}, group = {group}, zero = {str(zero).lower()}, "
            f"layout = {'n16k4' if pack_group else 'row'}{codebook}{stored if pack_group else ''}>>")


# -- Float ops -----------------------------------------------------------------

def linear(m, n, k, kind, bias=False, panel=None, op="linear", bound=2e-6):
    recipe = []
    if panel:
        source = {"F32": "f32", "F16": "f16", "BF16": "bf16"}[kind]
        recipe = [("resq.pack {x} : {t} -> {r}", f"tensor<{n}x{k}x!resq.panel<{panel}>>")]
        name = f"{op}_{n}x{k}_{source}_panel_{panel}"
    else:
        name = f"{op}_{n}x{k}_{kind.lower()}"
    w, type_ = m.param([n, k], kind, recipe, deviation=k ** -0.5)
    body = [f"%w = resq.get @{w} : {type_}"]
    tail = ""
    if bias:
        b, b_type = m.param([n])
        body.append(f"%b = resq.get @{b} : {b_type}")
        tail, name = f" bias %b : {b_type}", name + "_bias"
    body.append(f"%y0 = resq.{op} %a0, %w{tail} : {rows(k)}, {type_} -> {rows(n)}")
    m.function(name, [k], body, [n], bound)


def embed(m, vocabulary, width, kind, panel=None):
    recipe = [("resq.pack {x} : {t} -> {r}", f"tensor<{vocabulary}x{width}x!resq.panel<{panel}>>")] if panel else []
    t, type_ = m.param([vocabulary, width], kind, recipe)
    calls = [Call(r, {0: [(7 * i + r) % vocabulary for i in range(r)]}) for r in ROWS]
    m.function(f"embed_{vocabulary}x{width}_{kind.lower()}_{panel}", [0], [
        f"%t = resq.get @{t} : {type_}", f"%y0 = resq.embed %a0, %t : tensor<?xi32>, {type_} -> {rows(width)}"],
        [width], 0, calls)


def embed_codes(m, vocabulary, width, group, bits):
    row, packed = (quant(width, bits, group, False, packed_for, vocabulary) for packed_for in (None, group))
    t, _ = m.param([vocabulary, width], "F32", [("resq.quantize_weight {x} : {t} -> {r}", row),
                                                ("resq.pack {x} : {t} -> {r}", packed)])
    calls = [Call(r, {0: [(7 * i + r) % vocabulary for i in range(r)]}) for r in ROWS]
    m.function(f"embed_{vocabulary}x{width}_codes_{bits}_{group}", [0], [
        f"%t = resq.get @{t} : {packed}", f"%y0 = resq.embed %a0, %t : tensor<?xi32>, {packed} -> {rows(width)}"],
        [width], 0, calls)


def tied(m, vocabulary, width, group):
    """One table of codes for an embedding and a head."""
    row, packed = (quant(width, 8, group, False, packed_for, vocabulary) for packed_for in (None, group))
    t, _ = m.param([vocabulary, width], "F32", [("resq.quantize_weight {x} : {t} -> {r}", row),
                                                ("resq.pack {x} : {t} -> {r}", packed)])
    a_type = quant(width, 8, group, True)
    calls = [Call(r, {0: [(5 * i + r) % vocabulary for i in range(r)]}) for r in ROWS]
    m.function(f"tied_{vocabulary}x{width}_{group}", [0], [
        f"%t = resq.get @{t} : {packed}", f"%x = resq.embed %a0, %t : tensor<?xi32>, {packed} -> {rows(width)}",
        f"%q = resq.quantize %x : {rows(width)} -> {a_type}",
        f"%y0 = resq.qlinear %q by %t : {a_type} by {packed} -> {rows(vocabulary)}"], [vocabulary], 0, calls)


def float_module():
    m = Module("float", 11)
    for n, k in [(1, 8), (17, 40), (33, 129), (48, 64)]:
        linear(m, n, k, "F32")
    linear(m, 19, 72, "F32", bias=True)
    for kind, panel in [("BF16", None), ("F16", None), ("F32", "bf16"), ("F32", "f16"), ("BF16", "bf16"), ("F16", "f16")]:
        linear(m, 35, 77, kind, panel=panel)
    linear(m, 50, 24, "F32", op="head")
    linear(m, 50, 24, "F32", op="head", panel="f16")
    for kind, panel in [("F32", None), ("F16", None), ("BF16", None), ("F32", "f16"), ("F32", "bf16")]:
        embed(m, 37, 23, kind, panel)
    for width in (1, 7, 64, 129):
        g, type_ = m.param([width])
        m.function(f"rms_norm_{width}", [width], [
            f"%y0 = resq.rms_norm %a0 {{eps = 1.0e-5 : f32}} : {rows(width)} -> {rows(width)}"], [width], 2e-6)
        m.function(f"rms_norm_gain_{width}", [width], [
            f"%g = resq.get @{g} : {type_}",
            f"%y0 = resq.rms_norm %a0 gain %g : {type_} {{eps = 1.0e-6 : f32}} : {rows(width)} -> {rows(width)}"],
            [width], 2e-6)
        m.function(f"gate_{width}", [width, width], [
            f"%y0 = resq.gate %a0, %a1 : {rows(width)}, {rows(width)} -> {rows(width)}"], [width], 5e-7, scale=5.0)
        m.function(f"add_{width}", [width, width], [f"%y0 = resq.add %a0, %a1 : {rows(width)}"], [width], 0)
        calls = [Call(r, {1: [(3 * i + 1) % r for i in range(n)]}, n) for r, n in [(1, 1), (5, 3), (16, 16), (17, 2)]]
        m.function(f"gather_rows_{width}", [width, 0], [
            f"%y0 = resq.gather_rows %a0, %a1 : {rows(width)}, tensor<?xi32> -> {rows(width)}"], [width], 0, calls)
    positions = [Call(r, {1: [(37 * i + r) % 4001 for i in range(r)]}) for r in ROWS]
    for heads, head, turned in [(1, 8, 8), (3, 16, 16), (2, 24, 16), (5, 6, 2)]:
        m.function(f"rope_{heads}x{head}_{turned}", [heads * head, 0], [
            f"%g = resq.rope_angles %a1 {{base = 1.0e4 : f32}} : tensor<?xi32> -> {rows(turned)}",
            f"%y0 = resq.rope %a0, %g head_size {head} : {rows(heads * head)}, {rows(turned)} -> {rows(heads * head)}"],
            [heads * head], 1e-6, positions)
    f, f_type = m.param([8])
    m.function("rope_factors", [16, 0], [
        f"%f = resq.get @{f} : {f_type}",
        f"%g = resq.rope_angles %a1 factors %f : {f_type} {{base = 5.0e5 : f32}} : tensor<?xi32> -> {rows(16)}",
        f"%y0 = resq.rope %a0, %g head_size 16 : {rows(16)}, {rows(16)} -> {rows(16)}"], [16], 1e-6, positions)
    # A whole MLP: buffers are reused, slices are views.
    w, w_type = m.param([34, 20], deviation=0.2)
    d, d_type = m.param([20, 17], deviation=0.2)
    m.function("mlp", [20], [
        f"%n = resq.rms_norm %a0 {{eps = 1.0e-5 : f32}} : {rows(20)} -> {rows(20)}", f"%w = resq.get @{w} : {w_type}",
        f"%h = resq.linear %n, %w : {rows(20)}, {w_type} -> {rows(34)}",
        f"%g = resq.slice %h dim 1 begin 0 : {rows(34)} -> {rows(17)}",
        f"%u = resq.slice %h dim 1 begin 17 : {rows(34)} -> {rows(17)}",
        f"%p = resq.gate %g, %u : {rows(17)}, {rows(17)} -> {rows(17)}", f"%d = resq.get @{d} : {d_type}",
        f"%o = resq.linear %p, %d : {rows(17)}, {d_type} -> {rows(20)}", f"%y0 = resq.add %a0, %o : {rows(20)}"], [20], 2e-6)
    return m


# -- Method ops ----------------------------------------------------------------

def method_module():
    m = Module("method", 12)
    for size, blocks, groups in [(8, 0, 1), (5, 0, 3), (16, 2, 4), (24, 3, 3), (65, 0, 1)]:
        shape = [blocks, size, size] if blocks else [size, size]
        u, type_ = m.param(shape, deviation=size ** -0.5)
        width = size * groups
        m.function(f"rotate_{size}_{blocks}_{groups}", [width], [
            f"%u = resq.get @{u} : {type_}",
            f"%y0 = resq.rotate %a0, %u : {rows(width)}, {type_} -> {rows(width)}"], [width], 2e-6)
    o, o_type = m.constant("resq.random_orthogonal [9, 3] seed 5", "tensor<12x12xf64>")
    m.function("rotate_transposed", [24], [
        f"%u = resq.get @{o} : {o_type}",
        f"%y0 = resq.rotate %a0, %u transposed : {rows(24)}, {o_type} -> {rows(24)}"], [24], 2e-6)
    for size, width in [(1, 3), (2, 6), (8, 24), (64, 64), (128, 128), (12, 12), (24, 48), (96, 96), (20, 20), (40, 80), (28, 28),
                        (56, 112), (76, 76), (152, 152), (36, 36)]:
        # Only Sylvester's matrices are their own inverse: of others no pass makes a transposed one online.
        for transposed in ("", " transposed") if size & (size - 1) == 0 else ("",):
            m.function(f"hadamard_{size}_{width}{transposed.replace(' ', '_')}", [width], [
                f"%y0 = resq.hadamard %a0 size {size}{transposed} : {rows(width)} -> {rows(width)}"], [width], 0)
    for width, block, high in [(8, 8, 1), (40, 8, 3), (15, 5, 4), (33, 33, 4)]:
        low_w, high_w = width // block * (block - high), width // block * high
        m.function(f"split_{width}_{block}_{high}", [width], [
            f"%y0, %y1 = resq.split %a0 block {block} high {high} : {rows(width)} -> {rows(low_w)}, {rows(high_w)}"],
            [low_w, high_w], 0)
        m.function(f"join_{width}_{block}_{high}", [low_w, high_w], [
            f"%y0 = resq.join %a0, %a1 block {block} high {high} : {rows(low_w)}, {rows(high_w)} -> {rows(width)}"], [width], 0)
    for width in (2, 9, 30, 64):
        order = list(range(width))
        m.rng.shuffle(order)
        m.function(f"permute_{width}", [width], [
            f"%y0 = resq.permute %a0 order {order} : {rows(width)} -> {rows(width)}"], [width], 0)
    for width, begin, count in [(9, 0, 4), (9, 4, 5), (64, 63, 1)]:
        m.function(f"slice_{width}_{begin}", [width], [
            f"%y0 = resq.slice %a0 dim 1 begin {begin} : {rows(width)} -> {rows(count)}"], [count], 0)
    m.function("concat", [3, 16, 5], [
        f"%s = resq.add %a1, %a1 : {rows(16)}", f"%t = resq.slice %s dim 1 begin 2 : {rows(16)} -> {rows(9)}",
        f"%c = resq.concat %a0, %t, %a2 dim 1 : {rows(3)}, {rows(9)}, {rows(5)} -> {rows(17)}",
        f"%y0 = resq.add %c, %c : {rows(17)}",
        f"%y1 = resq.concat %a2, %a0 dim 1 : {rows(5)}, {rows(3)} -> {rows(8)}"], [17, 8], 0)
    return m


# -- Quantised products --------------------------------------------------------

def e4m3(width, group, pack_group=None, n=None):
    return quant(width, 8, group, False, pack_group, n, ", codebook = e4m3")


def trellis(width, bits, group, pack_group, n):
    return quant(width, bits, group, False, pack_group, n, f", codebook = trellis, states = {64 >> bits}")


def quantised(m, n, branches, bias=False, bound=0, clip_by=False):
    """branches: (k, activation bits, activation group, weight bits, weight group, clip[, what shares an activation's range]).
    clip_by: the clips are params. Bits are "e" where codes are E4M3, on both sides, without a clip, and "tcq3" or "tcq4" for weights of trellis codes."""
    body, activations, weights, a_types, w_types = [], [], [], [], []
    for i, (k, abits, group, wbits, wgroup, clip, *shared) in enumerate(branches):
        floats = wbits == "e"
        row, packed = (e4m3(k, wgroup, packed_for, n) if floats else trellis(k, int(wbits[3]), wgroup, packed_for, n) if str(wbits).startswith("tcq")
                       else quant(k, wbits, wgroup, False, packed_for, n) for packed_for in (None, group))
        w, _ = m.param([n, k], "F32", [("resq.quantize_weight {x} : {t} -> {r}", row),
                                       ("resq.pack {x} : {t} -> {r}", packed)])
        a_type = e4m3(k, group) if floats else quant(k, abits, group, True)
        spread = f"range = {shared[0]} : i64" if shared else ""
        if floats:
            how = ""
        elif clip_by:
            c, c_type = m.constant(f"arith.constant dense<{clip}>", "tensor<1xf32>")
            body.append(f"%c{i} = resq.get @{c} : {c_type}")
            how = f"clip_by %c{i} : {c_type}" + (" {" + spread + "}" if spread else "")
        else:
            how = f"{{clip = {clip} : f32{', ' * bool(spread)}{spread}}}"
        body += [f"%q{i} = resq.quantize %a{i} {how} : {rows(k)} -> {a_type}", f"%w{i} = resq.get @{w} : {packed}"]
        activations.append(f"%q{i}")
        weights.append(f"%w{i}")
        a_types.append(a_type)
        w_types.append(packed)
    tail = ""
    if bias:
        b, b_type = m.param([n])
        body.append(f"%b = resq.get @{b} : {b_type}")
        tail = f" bias %b : {b_type}"
    body.append(f"%y0 = resq.qlinear {', '.join(activations)} by {', '.join(weights)}{tail} : {', '.join(a_types)} by "
                f"{', '.join(w_types)} -> {rows(n)}")
    name = "qlinear_{}_{}{}".format(n, "_".join(f"k{b[0]}a{b[1]}g{b[2]}w{b[3]}v{b[4]}" + "".join(f"r{r}" for r in b[6:])
                                             for b in branches), "_bias" * bias + "_clip" * clip_by)
    m.function(name, [b[0] for b in branches], body, [n], bound, scale=3.0)


def e4m3_by_identity(m, width, group):
    """Sums of one product each: codes and scales of E4M3, bit for bit."""
    name, floats = f"eye{width}", f"tensor<{width}x{width}xf32>"
    row, packed = e4m3(width, width, None, width), e4m3(width, width, group, width)
    m.head.append(f"  resq.param @{name} : {packed} {{\n    %0 = resq.eye : {floats}\n"
                  f"    %1 = resq.quantize_weight %0 : {floats} -> {row}\n"
                  f"    %2 = resq.pack %1 : {row} -> {packed}\n    resq.yield %2 : {packed}\n  }}")
    m.function(f"quantize_e4m3_{width}_{group}", [width], [
        f"%q = resq.quantize %a0 : {rows(width)} -> {e4m3(width, group)}", f"%w = resq.get @{name} : {packed}",
        f"%y0 = resq.qlinear %q by %w : {e4m3(width, group)} by {packed} -> {rows(width)}"], [width], 0, scale=3.0)


def quantised_module():
    m = Module("quantised", 13)
    for bits in range(2, 9):  # one branch, every width of codes, sizes that fill no tile
        quantised(m, 17, [(45, bits, 45, bits, 45, 1.0)])
    for n, k in [(1, 8), (16, 64), (33, 7), (50, 130)]:
        quantised(m, n, [(k, 4, k, 4, k, 1.0)])
        quantised(m, n, [(k, 8, k, 8, k, 1.0)])
    quantised(m, 24, [(42, 4, 42, 4, 42, 1.0), (6, 8, 6, 8, 6, 1.0)])
    quantised(m, 24, [(42, 8, 42, 4, 42, 1.0), (6, 8, 6, 8, 6, 1.0)], bias=True)
    quantised(m, 40, [(56, 4, 14, 4, 56, 0.9), (8, 8, 2, 8, 8, 1.0)])  # per head: groups of activations
    quantised(m, 40, [(56, 4, 14, 4, 14, 1.0)], bias=True)             # weight scales a group
    quantised(m, 19, [(64, 6, 16, 3, 16, 0.75), (24, 7, 8, 5, 24, 1.0)], bias=True)
    quantised(m, 40, [(112, 4, 56, 4, 56, 0.9, 112), (16, 8, 16, 8, 16, 1.0)], bias=True)  # weight scales inside a range
    quantised(m, 33, [(48, 8, 8, 4, 8, 1.0, 24), (33, 5, 11, 6, 11, 1.0, 33)])
    quantised(m, 19, [(56, 4, 14, 4, 56, 0.61), (24, 7, 8, 5, 24, 0.97)], clip_by=True)
    quantised(m, 21, [(112, 4, 56, 4, 56, 0.61, 112), (16, 8, 8, 5, 16, 0.97)], clip_by=True)
    for abits in (2, 4, 7, 8):  # trellis weights, whose padding is no zero
        for n, k in [(1, 8), (17, 45), (33, 7), (50, 130)]:
            quantised(m, n, [(k, abits, k, "tcq4", k, 1.0)])
    for abits in (4, 8):
        quantised(m, 24, [(42, abits, 42, "tcq4", 42, 0.9), (6, 8, 6, 8, 6, 1.0)], bias=True)
        quantised(m, 24, [(45, abits, 9, "tcq4", 45, 1.0), (6, 8, 6, 8, 6, 1.0)])
        quantised(m, 35, [(45, abits, 9, "tcq4", 9, 1.0, 45), (30, 8, 10, 8, 30, 1.0)], bias=True)
        quantised(m, 19, [(64, abits, 32, "tcq4", 32, 1.0), (30, abits, 10, "tcq4", 30, 1.0)])
        quantised(m, 24, [(42, abits, 42, "tcq4", 42, 1.0), (6, "e", 6, "e", 6, None)], bound=2e-6)
    for n, k, abits in [(17, 45, 4), (33, 7, 8), (50, 130, 8)]:
        quantised(m, n, [(k, abits, k, "tcq3", k, 1.0)])
    quantised(m, 35, [(45, 8, 9, "tcq3", 9, 1.0, 45), (30, 8, 10, 8, 30, 1.0)], bias=True)
    quantised(m, 19, [(64, 4, 32, "tcq3", 32, 1.0), (30, 8, 10, "tcq4", 30, 1.0)])
    quantised(m, 19, [(64, 6, 16, 2, 16, 0.75), (24, 7, 8, 3, 24, 1.0)], bias=True)
    for width, group, bits in [(1, 1, 8), (45, 45, 8), (45, 9, 8), (72, 24, 8), (45, 9, 4), (33, 33, 5)]:
        embed_codes(m, 37, width, group, bits)
    for width, group in [(45, 45), (72, 24), (45, 9)]:
        tied(m, 37, width, group)
    for width, group in [(1, 1), (7, 7), (45, 9), (130, 130)]:
        e4m3_by_identity(m, width, group)
    for n, k in [(1, 8), (17, 45), (33, 7), (50, 130), (96, 72)]:  # sums in an order of their own
        quantised(m, n, [(k, "e", k, "e", k, None)], bound=2e-6)
    quantised(m, 24, [(42, 4, 42, 4, 42, 1.0), (6, "e", 6, "e", 6, None)], bound=2e-6)
    quantised(m, 24, [(42, 8, 42, 4, 42, 1.0), (6, "e", 6, "e", 6, None)], bias=True, bound=2e-6)
    quantised(m, 40, [(56, 4, 14, 4, 56, 0.9), (8, "e", 2, "e", 8, None)], bound=2e-6)
    quantised(m, 35, [(44, "e", 11, "e", 11, None)], bias=True, bound=2e-6)
    quantised(m, 35, [(44, "e", 44, "e", 44, None), (30, "e", 10, "e", 30, None)], bias=True, bound=2e-6)
    return m


# -- Caches --------------------------------------------------------------------

CODES = {"f32": '#resq.kv_float<f32>', "f16": '#resq.kv_float<f16>', "int8": '#resq.kv_int<bits = 8>',
         "int4": '#resq.kv_int<bits = 4>', "int3": '#resq.kv_int<bits = 3>',
         "int2": '#resq.kv_int<bits = 2>', "int5": '#resq.kv_int<bits = 5>',
         "int6": '#resq.kv_int<bits = 6>', "int7": '#resq.kv_int<bits = 7>',
         "lm4": '#resq.kv_lm<bits = 4>', "lm3": '#resq.kv_lm<bits = 3>',
         "lm2": '#resq.kv_lm<bits = 2>', "lm1": '#resq.kv_lm<bits = 1>'}


def split_code(bits, high, kind="int"):
    return f'#resq.kv_{kind}<bits = {bits}, high = {high}>'


def sign_code(count, high):
    return f'#resq.kv_qjl<rows = {count}, high = {high}>'


def group_code(count, outliers, outlier_count, buffer, window):
    return (f'#resq.kv_qjl_groups<rows = {count}, outliers = {outliers}, outlier_rows = {outlier_count}, buffer = {buffer}, window = {window}>')


def long_schedule():
    """Over flushes of 32 and 64, for sequences that start apart, mix, begin again, and go back a little."""
    calls = [[(i, 0) for i in range(70)], [(i, 1) for i in range(33)], [(i, 0) for i in range(70, 97)] + [(33, 1)]]
    calls += [[(i, s) for i, s in zip(range(97, 101), [0] * 4)], [(i, 1) for i in range(34, 64)]]
    calls += [[(i, 0) for i in range(92, 130)], [(i, 1) for i in range(0, 40)]]
    return calls


def schedule():
    """Prefill of one sequence, a mixed batch, single tokens: (position, sequence) of each row of each call."""
    calls = [[(i, 0) for i in range(37)], [(i, 1) for i in range(5)], [(37, 0), (5, 1), (0, 2)], [(38, 0)], [(6, 1)]]
    calls.append([(i, 2) for i in range(1, 18)] + [(39, 0), (40, 0)])
    return calls


def cache(m, label, heads, group, size, keys, values, bound, sketch=None, order=schedule, value_bound=0, capacity=192):
    """sketch: rows and columns of S, where keys are signs. order: gives the (position, sequence) of the calls' rows."""
    name = f"{label}_{heads}x{group}x{size}"
    get, use = [], ""
    if sketch:
        s, type_ = m.param(list(sketch))
        get, use = [f"%s = resq.get @{s} : {type_}"], f" sketch %s : {type_}"
    m.head.append(f"  resq.kv_cache @c.{name} heads {heads} size {size} keys {keys} values {values}")
    width, q = heads * size, heads * group * size
    body = get + [
        f"resq.kv_append @c.{name}, %a1, %a2 at %a3, %a4{use} : {rows(width)}, {rows(width)}, tensor<?xi32>",
        f"%y0 = resq.attention @c.{name}, %a0 at %a3, %a4{use} {{scale = 0.25 : f32}} : {rows(q)}, tensor<?xi32> -> {rows(q)}"]
    calls = [Call(len(c), {3: [p for p, _ in c], 4: [s for _, s in c]}) for c in order()]
    m.function(f"attention_{name}", [q, width, width, 0, 0], body, [q], bound, calls, sequences=3, capacity=capacity)
    # At position 0 attention gives the value as decoded: codes are the same on all levels.
    m.again(f"value_{name}", value_bound, [Call(3, {3: [0, 0, 0], 4: [0, 1, 2]})])


def cache_module():
    m = Module("cache", 14)
    for i, (label, code) in enumerate(CODES.items()):
        cache(m, label, *[(2, 3, 16), (1, 1, 10)][i % 2], code, code, 5e-6)
    for bits in range(2, 9):
        cache(m, f"split{bits}", 2, 2, 24, split_code(bits, 3), split_code(bits, 3), 5e-6)
    for bits in range(1, 5):
        cache(m, f"lm_odd{bits}", 1, 2, 37, split_code(bits, 6, "lm"), split_code(5 - bits, 1, "lm"), 5e-6)
    for size, high, count in [(16, 0, 16), (13, 3, 1), (24, 3, 37), (40, 8, 160)]:
        cache(m, f"signs{count}", 2, 3, size, sign_code(count, high), CODES["f16"], 5e-6, (count, size - high))
    for size, count, outliers, outlier_count, buffer, window in [(16, 32, 2, 16, 32, 64), (24, 37, 3, 5, 64, 96),
                                                                 (40, 80, 33, 40, 32, 96)]:
        cache(m, f"groups{count}", 2, 2, size, group_code(count, outliers, outlier_count, buffer, window),
              CODES["lm4"], 5e-6, (count, size), long_schedule)
    cache(m, "mixed", 3, 2, 64, split_code(4, 8), CODES["f16"], 5e-6)
    cache(m, "other", 1, 4, 64, CODES["int8"], split_code(4, 8), 5e-6)
    cache(m, "odd", 1, 2, 13, split_code(3, 2), split_code(2, 5), 5e-6)
    return m


def deep_schedule():
    """A prompt, and single tokens, deep enough for several splits of the positions; a mixed batch of few rows, and of many."""
    calls = [[(i, 0) for i in range(601)], [(i, 1) for i in range(23)], [(601, 0), (23, 1), (0, 2)], [(602, 0)], [(24, 1)]]
    calls.append([(i, 1) for i in range(25, 95)] + [(603, 0), (1, 2), (2, 2)])
    return calls


def fast_module():
    """Caches that a GPU's fast kernels take, whose results are within bounds: exact kernels have all that cache_module has."""
    m = Module("fast", 15)
    for label, heads, group, size, keys, values, bound in [
            ("f32", 2, 3, 64, CODES["f32"], CODES["f32"], 1e-5), ("f16", 1, 4, 128, CODES["f16"], CODES["f16"], 1e-5),
            ("int4", 2, 4, 128, split_code(4, 16), split_code(4, 16), 5e-4), ("int4odd", 3, 1, 48, CODES["int4"], split_code(4, 8), 5e-4),
            ("int4wide", 1, 9, 64, split_code(4, 8), split_code(4, 8), 5e-4), ("mixed", 2, 3, 64, split_code(4, 8), CODES["f16"], 1e-5),
            ("lm4", 2, 3, 64, split_code(4, 8, "lm"), split_code(4, 8, "lm"), 5e-4)]:
        cache(m, label, heads, group, size, keys, values, bound, order=deep_schedule, value_bound=bound, capacity=640)
    return m


MODULES = (float_module, method_module, quantised_module, cache_module)
FAST_MODULES = (fast_module,)  # of a GPU alone: on CPUs cache_module has the same kernels


def inputs_of(case, call, rng):
    """array and rows of each input."""
    made = []
    for i, width in enumerate(case.inputs):
        if width == 0:
            made.append((array("i", call.ids[i]), len(call.ids[i])))
        else:
            made.append((array("f", [rng.gauss(0, case.scale) for _ in range(call.rows * width)]), call.rows))
    return made
