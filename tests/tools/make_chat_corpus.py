#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes tests/unit/chat/corpus.txt: chat templates and what jinja2 makes of them, in the
environment of Hugging Face's transformers. Needs jinja2 3.1 (pip install jinja2); the test that
reads the file needs neither. Usage: make_chat_corpus.py tests/unit/chat/corpus.txt

A case is a line "conversation prompt template-bytes output-bytes" and the two texts; -1 bytes of
output: jinja2 refuses it, too, and so must we. Cases of expressions that succeed are joined."""
import datetime
import glob
import itertools
import json
import os
import sys

import jinja2.ext
import jinja2.sandbox

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "unit", "chat")
CONVERSATIONS = [
    [("user", "What is the capital of France?")],
    [("system", " Be brief.\nAlways. "), ("user", "Hi there"),
     ("assistant", " Hello! <think>x</think>\n\nyes "), ("user", "Ünïcödé 日本 🙂\n\n  two")],
    [("user", ""), ("assistant", "a"), ("user", "b"), ("assistant", "c {{ x }} {% y %}"),
     ("user", "<tool_response>z</tool_response>")],
]
DATE = datetime.datetime(2024, 7, 26)


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators,
                      sort_keys=sort_keys)


class Generation(jinja2.ext.Extension):
    """{% generation %}, as transformers has it: the body in a call block."""
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    @staticmethod
    def _body(caller):
        return caller()


def environment():
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True,
        extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = DATE.strftime
    return env


ENV = environment()


def render(text, conversation=1, prompt=1):
    """None where jinja2 refuses."""
    messages = [{"role": r, "content": c} for r, c in CONVERSATIONS[conversation]]
    try:
        return ENV.from_string(text).render(
            messages=messages, tools=None, documents=None, add_generation_prompt=bool(prompt),
            bos_token="<s>", eos_token="</s>")
    except Exception:  # whatever it is, the template is refused
        return None


# Values, as expressions; operations on them, as expressions of X and Y.
VALUES = ["x", "none", "true", "false", "0", "7", "-3", "2.5", "-0.0", "1e16", "1e-5", "1e22",
          "1.0", "''", "'a'", "'ß ŉ İ ΑΣ ǆ'", "'hello wORLD-x (y'", "'  a  b\\tc \\n'", "'a,b,,c'",
          "'12'", "' 42.5 '", "'0x1F'", "[]", "[1, 'a', none]", "['b', 'A', 'c']", "[3, 1, 2]",
          "()", "(1,)", "(1, 'x', [2.5])", "{}", "{'b': 1, 'a': [true]}", "{1: 'x', 2.5: 'y', none: 'z', true: 'w'}",
          "range(4)", "range(5, -5, -3)", "'日本 🙂'", "'it\\'s \"q\" \\\\ \\u200b\\x07\\n'",
          "messages", "messages[0]", "namespace(q=1, r='s')", "[[1, 2], [3]]", "{'a': {'b': [1]}}"]
SMALL = ["x", "none", "true", "7", "-3", "2.5", "''", "'a'", "'a,b,,c'", "[1, 'a', none]", "(1,)",
         "{'a': 1}", "range(4)"]
UNARY = ["X", "[X]", "(X,)", "{'k': X}", "X is defined", "not X", "-X", "+X", "X ~ '|'", "'' ~ X ~ X",
         "X | string", "X | tojson", "X | tojson(indent=2)", "X | tojson(ensure_ascii=true)",
         "X | tojson(sort_keys=true)", "X | tojson(separators=(',', ':'))", "X | tojson(true, 1)",
         "X | tojson(indent='--')", "X | length", "X | count", "X | list", "X | first", "X | last",
         "X | reverse | list", "X | sort", "X | sort(reverse=true)", "X | sort(case_sensitive=true)",
         "X | unique | list", "X | join", "X | join('-')", "X | min", "X | max", "X | sum",
         "X | upper", "X | lower", "X | title", "X | capitalize", "X | trim", "X | trim('a ')",
         "X | replace('a', 'Q')", "X | replace('', '-')", "X | int", "X | int(9)", "X | int(base=16)",
         "X | float", "X | float(1.5)", "X | abs", "X | round", "X | round(1)", "X | round(1, 'ceil')",
         "X | round(method='floor')", "X | default('d')", "X | default('d', true)", "X | d",
         "X | items | list", "X | dictsort", "X | dictsort(true, 'value')", "X | center(20)",
         "X | indent", "X | indent(2, true)", "X | indent('> ', blank=true)", "X | wordcount",
         "X | truncate(8)", "X | truncate(5, true, '', 0)", "X | batch(2) | list",
         "X | batch(2, '-') | list", "X | slice(2) | list", "X | slice(3, 0) | list",
         "X | map('string') | list", "X | map('upper') | join('/')", "X | map(attribute='a') | list",
         "X | map(attribute='a', default=5) | list", "X | map(attribute='role') | list",
         "X | select | list", "X | reject | list", "X | select('string') | list",
         "X | select('equalto', 1) | list", "X | reject('none') | list", "X | select('in', [1, 'a']) | list",
         "X | selectattr('role') | list", "X | selectattr('role', 'equalto', 'user') | list",
         "X | rejectattr('role', 'in', ['user', 'system']) | map(attribute='content') | list",
         "X | groupby(0) | list", "X | safe", "X | safe ~ '<'", "X | format(1)", "X is none",
         "X is string", "X is mapping", "X is iterable", "X is sequence", "X is number",
         "X is integer", "X is float", "X is boolean", "X is true", "X is false", "X is callable",
         "X is odd", "X is even", "X is divisibleby 3", "X is lower", "X is upper", "X is undefined",
         "X is escaped", "X is filter", "X is test", "X is sameas none", "X is sameas true",
         "X is in [1, 'a', none]", "X == X", "X is eq(7)", "X is ne 7", "X is gt 1", "X is lessthan 5",
         "X[0]", "X[-1]", "X[1:]", "X[:-1]", "X[::-1]", "X[::2]", "X[5:1:-2]", "X['a']", "X.a",
         "X.items()", "X.keys()", "X.values()", "X.items() | list", "X.get('a')", "X.get(1, 'none')",
         "X.copy()", "X.count('a')", "X.index('a')", "X.strip()", "X.lstrip()", "X.rstrip()",
         "X.strip('a ')", "X.split()", "X.split(',')", "X.split(',', 1)", "X.rsplit(none, 1)",
         "X.rsplit(',', maxsplit=1)", "X.split(sep='b')", "X.splitlines()", "X.splitlines(true)",
         "X.upper()", "X.lower()", "X.title()", "X.capitalize()", "X.swapcase()",
         "X.startswith('a')", "X.endswith(('c', 'a'))", "X.startswith('h', 1)", "X.find('b')",
         "X.rfind('b')", "X.find('', 1)", "X.rindex('a')", "X.partition(',')", "X.rpartition(' ')",
         "X.removeprefix('a')", "X.removesuffix('c')", "X.replace('a', 'bb')",
         "X.replace('', '.', 2)", "X.join(['p', 'q'])", "X.ljust(9, '.')", "X.rjust(9)",
         "X.center(8, '*')", "X.zfill(6)", "X.expandtabs(4)", "X.isalpha()", "X.isdigit()",
         "X.isalnum()", "X.isspace()", "X.isupper()", "X.islower()", "X.istitle()", "X.isascii()",
         "X.isdecimal()", "X.isnumeric()", "X.nothing", "X.nothing is defined", "X['nothing']",
         "X.append(1)", "X.update({})", "X.pop()", "X.append is defined", "X.__class__",
         "X and 'yes'", "X or 'no'", "'then' if X", "'then' if X else 'other'", "X % 2", "'%s' % X",
         "'%r|%s' % (X, X)", "'%5.1f' % X", "'%d' % X", "'%-6s|' % X", "'%(a)s' % X", "X in X",
         "X in 'abc'", "X in {'a': 1, 7: 2}", "'a' in X", "1 in X", "none in X", "X > 1", "X < 'b'",
         "X <= X", "dict(X)", "dict(X, k=1)", "namespace(X)", "X | items", "X | map('upper')",
         "X()", "X | join(', ', attribute='role')", "X | sort(attribute='role') | map(attribute='role') | list",
         "X | groupby('role') | map(attribute='grouper') | list", "X | sum(start=5)", "X | nope", "X is nope",
         "X | trim(nope=1)", "X | join(1, 2, 3)", "X | default", "X | tojson(a=1)", "X.strip(1, 2)",
         "X.split(nope=1)", "X | map", "X | select('nope') | list", "X | replace('a')", "1 if X else"]
BINARY = ["X + Y", "X - Y", "X * Y", "X / Y", "X // Y", "X % Y", "X ** Y", "X ~ Y", "X == Y",
          "X != Y", "X < Y", "X >= Y", "X in Y", "X not in Y", "X and Y", "X or Y", "[X, Y] | sort",
          "[X, Y] | min", "(X, Y) < (Y, X)", "[X] == [Y]", "{'k': X} == {'k': Y}", "X[Y]", "X[Y:]"]

# What jinja2 accepts and we refuse by name, or only print in another way: not asked.
def is_skipped(text, output):
    return "object at 0x" in output or "<built-in" in output or "bound method" in output or \
        "<function" in output or "Undefined" in text or "generator object" in output or \
        "__class__" in text or "select('nope')" in text or "(-3) ** (2.5)" in text or "1e22 | int" in text or \
        "% 1e22" in text or ".count(" in text and "range" in text or ".copy()" in text and "range" in text


def with_values(e, x, y):
    """The expression of X and Y. Of slices Jinja finds less wrong with constants: in variables."""
    if ":" in e and "[" in e and "{" not in e:
        return "{% set v = " + x + " %}{% set w = " + y + " %}{{ " + \
            e.replace("X", "v").replace("Y", "w") + " }}"
    return "{{ " + e.replace("X", "@").replace("Y", y).replace("@", x) + " }}"


def expressions():
    for x in VALUES:
        for e in UNARY:
            yield with_values(e, x if e == "X" or x.isalnum() else f"({x})", "0")
    for x, y in itertools.product(SMALL, SMALL):
        for e in BINARY:
            yield with_values(e, f"({x})", f"({y})")


def blocks():
    with open(os.path.join(FOLDER, "corpus.jinja"), encoding="utf-8") as file:
        for case in file.read().split("\n=====\n"):
            yield case


def cases():
    good, seen = [], set()
    for text in expressions():
        if text in seen:
            continue
        seen.add(text)
        output = render(text)
        if output is None:
            yield 1, 1, text, None
        elif not is_skipped(text, output):
            good.append((text, output))
    for start in range(0, len(good), 40):
        part = good[start:start + 40]
        yield 1, 1, "|\n".join(t for t, _ in part), "|\n".join(o for _, o in part)
    for text in blocks():
        for conversation, prompt in ((1, 1), (0, 1), (2, 0)):
            output = render(text, conversation, prompt)
            if output is None or not is_skipped(text, output):
                yield conversation, prompt, text, output
    for name in sorted(glob.glob(os.path.join(FOLDER, "*.jinja"))):
        if os.path.basename(name) == "corpus.jinja":
            continue
        with open(name, encoding="utf-8", newline="") as file:
            text = file.read()
        for conversation, prompt in itertools.product(range(3), range(2)):
            yield conversation, prompt, text, render(text, conversation, prompt)


def main():
    count = 0
    with open(sys.argv[1], "wb") as out:
        for conversation, prompt, text, output in cases():
            data = text.encode()
            wanted = b"" if output is None else output.encode()
            size = -1 if output is None else len(wanted)
            out.write(b"%d %d %d %d\n" % (conversation, prompt, len(data), size) + data + wanted + b"\n")
            count += 1
    print(count, "cases", file=sys.stderr)


if __name__ == "__main__":
    main()
