# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""split_gguf.py OUT PARTS OPTION...: a tiny model as OUT.gguf, and its tensors dealt to OUT-00001-of-0000N.gguf and so on, as
llama-gguf-split writes them: the first part has the metadata. The options are those of make_tiny_gguf.py."""
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import make_tiny_gguf as tiny  # noqa: E402


class Dealer(tiny.Writer):
    """Gives each tensor to the whole file, and to one part after the other."""

    def __init__(self, parts):
        super().__init__()
        self.parts = [tiny.Writer() for _ in range(parts)]

    def tensor(self, *arguments):
        self.parts[self.n_tensors % len(self.parts)].tensor(*arguments)
        super().tensor(*arguments)


def main():
    out, count = sys.argv[1], int(sys.argv[2])
    sys.argv[1:3] = [out]
    o, whole = tiny.parse_options(), Dealer(count)
    tiny.write_metadata(whole, o)
    tiny.write_tokenizer(whole, o)
    tiny.write_tensors(whole, o)
    pathlib.Path(f"{out}.gguf").write_bytes(whole.finish())
    whole.parts[0].values.update(whole.values)
    for i, part in enumerate(whole.parts):
        for key, value in (("no", i), ("count", count), ("tensors.count", whole.n_tensors)):
            part.u32(f"split.{key}", value)
        pathlib.Path(f"{out}-{i + 1:05}-of-{count:05}.gguf").write_bytes(part.finish())


main()
