# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a config.json may say, and what of it is refused: a small shape with one thing wrong, for each."""
import json
import os
import subprocess
import sys

SHAPE = {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
         "intermediate_size": 96, "vocab_size": 50, "max_position_embeddings": 128, "rms_norm_eps": 1e-5}
REFUSED = [
    ({"model_type": "gpt2"}, "key 'model_type' is \"gpt2\"; resq compiles 'llama' and 'qwen2'"),
    ({"hidden_size": 0}, "key 'hidden_size' is 0; 1 to 1048576 are allowed"),
    ({"hidden_size": 1.5}, "key 'hidden_size' is 1.5; 1 to"),
    ({"vocab_size": None}, "key 'vocab_size' is missing; 1 to 16777216 are allowed"),
    ({"num_key_value_heads": 3}, "key 'num_key_value_heads' is 3; a divisor of num_attention_heads is needed"),
    ({"num_attention_heads": 6, "num_key_value_heads": 2}, "key 'num_attention_heads' is 6; a divisor of hidden_size"),
    ({"head_dim": 7}, "a head has 7 elements; an even number up to 4096"),
    ({"rms_norm_eps": -1}, "key 'rms_norm_eps' is -1; a positive f32 is needed"),
    ({"rms_norm_eps": "small"}, "key 'rms_norm_eps' is \"small\"; a positive"),
    ({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, "key 'rope_scaling' is {\"rope_type\":\"yarn\",\"factor\":4.0}; null and"),
    ({"rope_scaling": {"rope_type": "linear"}}, "key 'factor' is missing; a positive f32"),
    ({"hidden_act": "gelu"}, "key 'hidden_act' is \"gelu\"; \"silu\" is needed"),
    ({"model_type": "qwen2", "attention_bias": False}, "key 'attention_bias' is false; true is needed"),
    ({"tie_word_embeddings": 1}, "key 'tie_word_embeddings' is 1; true or false is needed"),
    ({"num_local_experts": 8}, "key 'num_local_experts' is 8; the key is not known"),
]
ACCEPTED = [{}, {"tie_word_embeddings": True}, {"head_dim": 32}, {"rope_scaling": {"type": "linear", "factor": 2}},
            {"rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                              "original_max_position_embeddings": 8192}},
            {"attention_bias": True, "mlp_bias": True}, {"model_type": "qwen2", "use_sliding_window": False}]


def compile_shape(folder, text, form):
    path = os.path.join(folder, "shape.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return subprocess.run(["resqc", path, "-o", "-", "--params=absent", f"--emit={form}", "--levels=generic"],
                          capture_output=True, text=True, check=False)


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for change, message in REFUSED:
        shape = {key: value for key, value in {**SHAPE, **change}.items() if value is not None}
        done = compile_shape(folder, json.dumps(shape), "import")
        assert done.returncode == 3 and message in done.stderr, (change, done.returncode, done.stderr)
    for text, message in (('{"model_type": "llama", "hidden_size": 1,}', "shape.json:1:42: not JSON: "),
                          ('{"hidden_size": 1, "hidden_size": 2, "model_type": ""}', "duplicate object key")):
        done = compile_shape(folder, text, "import")
        assert done.returncode == 3 and message in done.stderr, (text, done.returncode, done.stderr)
    for change in ACCEPTED:
        done = compile_shape(folder, json.dumps({**SHAPE, **change}), "lowered")
        assert done.returncode == 0 and "resq_attention" in done.stdout, (change, done.stderr)


if __name__ == "__main__":
    main()
