#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A decoder in PyTorch, compiled with torch.compile and replayed as a CUDA graph: what gpu.py measures as a peer.

usage: torch_worker.py SHAPE.json --weights bf16|int4 --batch N --depth N [--prefill N]

SHAPE.json is a config.json of a llama or qwen2 model (tests/gpu/shapes). Weights are random; int4 is PyTorch's own kernel for
groups of 128 (`_weight_int4pack_mm`). The program prints one line of JSON when it is ready, then measures once for each line
that it reads: "decode" (one token of each sequence, `depth` tokens in the cache), "prefill" or "copy" (bytes per second that a
copy on the device reads and writes). Each answer is one line of JSON.
"""
import argparse
import json
import sys

import torch
import torch.nn.functional as F

GROUP = 128


class Linear(torch.nn.Module):
    def __init__(self, inputs, outputs, weights):
        super().__init__()
        self.outputs = outputs
        w = torch.randn(outputs, inputs, device="cuda", dtype=torch.bfloat16) * 0.02
        if weights == "int4":
            codes = torch.randint(0, 255, (outputs, inputs // 2), device="cuda", dtype=torch.uint8)
            self.weight = torch.ops.aten._convert_weight_to_int4pack(codes, 8)
            self.scales = torch.ones(inputs // GROUP, outputs, 2, device="cuda", dtype=torch.bfloat16) * 0.01
        else:
            self.weight, self.scales = w, None

    def forward(self, x):
        if self.scales is None:
            return F.linear(x, self.weight)
        flat = x.reshape(-1, x.shape[-1])
        return torch.ops.aten._weight_int4pack_mm(flat, self.weight, GROUP, self.scales).view(*x.shape[:-1], self.outputs)


class Decoder(torch.nn.Module):
    """norm, attention with RoPE and a bf16 cache, SwiGLU: a llama, without its tokenizer."""

    def __init__(self, c, weights, batch, capacity):
        super().__init__()
        self.width, self.heads = c["hidden_size"], c["num_attention_heads"]
        self.kv_heads, self.batch = c["num_key_value_heads"], batch
        self.size = size = c.get("head_dim") or self.width // self.heads
        inner, kv = c["intermediate_size"], self.kv_heads * self.size
        self.embedding = torch.randn(c["vocab_size"], self.width, device="cuda", dtype=torch.bfloat16)
        self.layers = torch.nn.ModuleList([
            torch.nn.ModuleList([Linear(self.width, self.heads * size + 2 * kv, weights), Linear(self.heads * size, self.width, weights),
                                 Linear(self.width, 2 * inner, weights), Linear(inner, self.width, weights)])
            for _ in range(c["num_hidden_layers"])])
        self.head = Linear(self.width, c["vocab_size"], "bf16")
        self.keys = [torch.randn(batch, self.kv_heads, capacity, size, device="cuda", dtype=torch.bfloat16) for _ in self.layers]
        self.values = [torch.randn_like(k) for k in self.keys]
        frequencies = c["rope_theta"] ** (-torch.arange(0, size, 2, device="cuda") / size)
        angles = torch.outer(torch.arange(capacity, device="cuda").float(), frequencies)
        self.cos, self.sin = angles.cos().bfloat16(), angles.sin().bfloat16()
        self.places = torch.arange(capacity, device="cuda")

    def turn(self, x, positions):
        cos, sin = self.cos[positions][None, :, None], self.sin[positions][None, :, None]
        a, b = x.chunk(2, -1)
        return torch.cat((a * cos - b * sin, b * cos + a * sin), -1).transpose(1, 2)

    def forward(self, ids, positions):
        x, rows, q_width, kv_width = F.embedding(ids, self.embedding), ids.shape[1], self.heads * self.size, self.kv_heads * self.size
        mask = (self.places[None, :] <= positions[:, None])[None, None]
        for i, (qkv, o, gate_up, down) in enumerate(self.layers):
            q, k, v = qkv(F.rms_norm(x, (self.width,))).split((q_width, kv_width, kv_width), -1)
            q = self.turn(q.view(self.batch, rows, self.heads, self.size), positions)
            k = self.turn(k.view(self.batch, rows, self.kv_heads, self.size), positions)
            v = v.view(self.batch, rows, self.kv_heads, self.size).transpose(1, 2)
            self.keys[i][:, :, positions] = k
            self.values[i][:, :, positions] = v
            if rows == 1:
                a = F.scaled_dot_product_attention(q, self.keys[i], self.values[i], attn_mask=mask, enable_gqa=True)
            else:
                a = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
            x = x + o(a.transpose(1, 2).reshape(self.batch, rows, q_width))
            gate, up = gate_up(F.rms_norm(x, (self.width,))).chunk(2, -1)
            x = x + down(F.silu(gate) * up)
        return self.head(F.rms_norm(x[:, -1:], (self.width,)))


def median_ms(function, runs, warm):
    for _ in range(warm):
        function()
    torch.cuda.synchronize()
    times = []
    for _ in range(runs):
        begin, end = torch.cuda.Event(True), torch.cuda.Event(True)
        begin.record()
        function()
        end.record()
        torch.cuda.synchronize()
        times.append(begin.elapsed_time(end))
    return sorted(times)[len(times) // 2]


def graph_of(function):
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            function()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        function()
    return graph.replay


def copy_rate():
    x = torch.empty(1 << 30, device="cuda", dtype=torch.int8)
    y = torch.empty_like(x)
    return 2 * x.numel() / median_ms(lambda: y.copy_(x), 20, 3) * 1e3


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shape")
    parser.add_argument("--weights", choices=("bf16", "int4"), default="bf16")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--depth", type=int, default=512)
    parser.add_argument("--prefill", type=int, default=512)
    o = parser.parse_args()
    torch.manual_seed(0)
    with open(o.shape) as file:
        shape = json.load(file)
    with torch.inference_mode():
        model = Decoder(shape, o.weights, o.batch, max(o.depth + 1, o.prefill, 1024))
        compiled = torch.compile(model, fullgraph=True)
        ids = torch.zeros(o.batch, 1, dtype=torch.long, device="cuda")
        position = torch.tensor([o.depth], device="cuda")
        decode = graph_of(lambda: compiled(ids, position))
        prompt = torch.randint(0, shape["vocab_size"], (o.batch, max(o.prefill, 2)), device="cuda")
        positions = torch.arange(max(o.prefill, 2), device="cuda")
        prefill_ready = False
        print(json.dumps({"gpu": torch.cuda.get_device_name(), "torch": torch.__version__}), flush=True)
        for line in sys.stdin:
            what = line.strip()
            if what == "decode":
                answer = {"ms": median_ms(decode, 30, 5)}
            elif what == "prefill":
                answer = {"ms": median_ms(lambda: compiled(prompt, positions), 7, 1 if prefill_ready else 3)}
                prefill_ready = True
            elif what == "copy":
                answer = {"bytes_per_second": copy_rate()}
            else:
                raise SystemExit(f"'{what}' is none of: decode, prefill, copy")
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
