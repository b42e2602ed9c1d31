# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""same_model.py FOLDER ARCHITECTURE OPTION...: a tiny model as GGUF and as a Hugging Face folder, both compiled, and what must be equal.
The options are those of make_tiny_gguf.py and make_tiny_hf.py."""
import json
import pathlib
import subprocess
import sys

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"
sys.path.append(str(TOOLS))
import compare_builds  # noqa: E402

OF_FOLDER = ("--shards", "--merges", "--special-in-vocabulary")
TEXT = "It was <|im_start|>user\n 123 of\tthe  wisdom<|im_end|> \u00e9\u0301 \U0001f600\n\n    1. nested\x00 don't <|endoftext|>"


def run(*command):
    return subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, check=True).stdout


def split_options(words):
    """Those of make_tiny_gguf.py, and those of make_tiny_hf.py."""
    ours, theirs, at = [], [], 0
    while at < len(words):
        size = 2 if at + 1 < len(words) and not words[at + 1].startswith("--") else 1
        (ours if words[at] in OF_FOLDER else theirs).extend(words[at:at + size])
        at += size
    return theirs, ours


def main():
    folder, architecture = pathlib.Path(sys.argv[1]), sys.argv[2]
    of_gguf, of_folder = split_options(sys.argv[3:])
    gguf, hugging_face, text = folder / "model.gguf", folder / "folder", folder / "text"
    run("rm", "-rf", hugging_face)
    run(sys.executable, TOOLS / "make_tiny_gguf.py", gguf, "--architecture", architecture, *of_gguf)
    run(sys.executable, TOOLS / "make_tiny_hf.py", gguf, hugging_face, *of_folder)
    text.write_bytes(TEXT.encode())
    found = []
    for source in (gguf, hugging_face):
        out, ids = folder / f"{source.name}.out", folder / "ids"
        run("resqc", source, "-o", out, "--scheme=none", "--levels=generic")
        sections = compare_builds.sections(out)
        run(out, "tokenize", text, "--special", "-o", ids)
        run(out, "logits", "--ids", ids, "--all", "-o", folder / "logits")
        info = json.loads(run(out, "info", "--json"))
        found.append((sections[1], (ids.read_bytes(), (folder / "logits").read_bytes()), {key: value for key, value in info["metadata"].items() if key != "name"}))
    for what, values in zip(("parameters", "ids, logits", "metadata"), zip(*found)):
        print("same:" if values[0] == values[1] else "DIFFERENT:", what)


main()
