# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Chat templates through resqc and a compiled model: case rows "late template" and "date"."""
import os
import subprocess
import unittest

from support import RESQC, compile_model, make_tiny, path, run

OPTIONS = ["--scheme=none", "--levels=generic"]


def write(name, text):
    with open(path(name), "w", encoding="utf-8") as file:
        file.write(text)
    return path(name)


def refused(*command):
    """Status and message of a command that must fail with one line."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600)
    return done.returncode, done.stderr.decode()


class LateTemplate(unittest.TestCase):
    def check(self, text, *words):
        out = path("late")
        status, message = refused(RESQC, make_tiny(), "-o", out, *OPTIONS, "--chat-template=" + write("late.jinja", text))
        self.assertEqual(status, 3, message)
        for word in words:
            self.assertIn(word, message)
        self.assertIn("--chat-template=none", message)
        self.assertEqual(message.count("\n"), 1)
        self.assertFalse(os.path.exists(out))

    def test_late_template_syntax(self):
        self.check("a\n{% if %}", "line 2", "an expression")

    def test_late_template_feature(self):
        self.check("{% if false %}\n\n{{ 'a' | urlize }}{% endif %}", "line 3", "filter 'urlize'")

    def test_late_template_when_run(self):
        self.check("{% for m in messages %}\n{{ m.role + 1 }}{% endfor %}", "line 2", "operator +")

    def test_late_template_of_the_model(self):
        module = run([RESQC, make_tiny(), "-o", "-", "--emit=import"]).decode()
        start = module.index('chat_template = "') + len('chat_template = "')
        broken = write("broken.mlir", module[:start] + "{{ nope( }}" + module[start:])
        status, message = refused(RESQC, broken, "-o", path("late"), *OPTIONS)
        self.assertEqual(status, 3, message)
        self.assertIn("broken.mlir: chat template, line 1", message)
        artifact = path("dropped")
        run([RESQC, broken, "-o", artifact, *OPTIONS, "--chat-template=none"])
        status, message = refused(artifact, "generate", "--chat", "-p", "a")
        self.assertEqual(status, 2)
        self.assertIn("no chat template", message)

    def test_no_such_file(self):
        status, message = refused(RESQC, make_tiny(), "-o", path("late"), "--chat-template=/nowhere/t.jinja")
        self.assertEqual(status, 5)
        self.assertIn("/nowhere/t.jinja", message)


class Date(unittest.TestCase):
    def test_date(self):
        # The model is random: that the prompt holds the date is seen in what follows from it.
        template = write("date.jinja", "{{ strftime_now('%d %b %Y') }} {{ messages[-1].content }}")
        artifact = compile_model(make_tiny(), *OPTIONS, "--chat-template=" + template)

        def ids(*options):
            return run([artifact, "generate", "-n", "8", "--ids", "--temperature=0", *options])

        dated = ids("-p", "hi", "--date=2024-07-26")
        self.assertEqual(dated, ids("--raw", "-p", "26 Jul 2024 hi"))
        self.assertNotEqual(dated, ids("-p", "hi", "--date=1999-12-31"))
        status, message = refused(artifact, "generate", "-p", "hi", "--date=26.7.2024")
        self.assertEqual(status, 2)
        self.assertIn("--date", message)


if __name__ == "__main__":
    unittest.main()
