#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""One llama.cpp measurement, as a process of its own: prefill and decode tokens/s as JSON.

usage: llama_cpp_worker.py MODEL.gguf --prefill 512 --decode 128 --threads 2
       llama_cpp_worker.py MODEL.gguf --quantize Q4_0 -o OUT.gguf

Needs llama-cpp-python built from source on this machine. The same work as `<artifact> bench`: a prompt of
`prefill` tokens in one batch, then `decode` single tokens on an empty context, greedy ids not looked at.
"""
import argparse
import ctypes
import json
import time


def quantize(source, target, kind):
    import llama_cpp as lc
    params = lc.llama_model_quantize_default_params()
    params.ftype = {"Q4_0": lc.LLAMA_FTYPE_MOSTLY_Q4_0, "Q8_0": lc.LLAMA_FTYPE_MOSTLY_Q8_0,
                    "Q4_K_M": lc.LLAMA_FTYPE_MOSTLY_Q4_K_M}[kind]
    params.allow_requantize = True
    if lc.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(params)):
        raise SystemExit("quantisation failed")


def measure(model, prefill, decode, threads):
    from llama_cpp import Llama
    llm = Llama(model_path=model, n_ctx=prefill + decode + 8, n_batch=prefill, n_ubatch=prefill,
                n_threads=threads, n_threads_batch=threads, verbose=False, logits_all=False)
    ids = [100 + i * 7 % 40000 for i in range(prefill)]
    llm.eval(ids[:16])  # warm up
    llm.reset()
    start = time.perf_counter()
    llm.eval(ids)
    middle = time.perf_counter()
    llm.reset()
    llm._ctx.kv_cache_clear() if hasattr(llm._ctx, "kv_cache_clear") else None
    llm.eval(ids[:1])
    begin = time.perf_counter()
    for i in range(decode):
        llm.eval([ids[(i + 1) % prefill]])
    end = time.perf_counter()
    print(json.dumps({"prefill": prefill / (middle - start), "decode": decode / (end - begin)}))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--prefill", type=int, default=512)
    parser.add_argument("--decode", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quantize")
    parser.add_argument("-o", "--output")
    args = parser.parse_args()
    if args.quantize:
        quantize(args.model, args.output, args.quantize)
    else:
        measure(args.model, args.prefill, args.decode, args.threads)


if __name__ == "__main__":
    main()
