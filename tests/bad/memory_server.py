# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The other end of the socket of a run that serves (tests/tools/fail_allocation.c): at each call that is to fail it forks a child
in which the call fails. All children work on the same folder, one after another: what is there is kept before a child begins and
put back when it has ended, so that the run itself notices nothing."""
import os
import shutil
import socket
import stat
import struct
import subprocess

READY, ENDED, CANNOT = range(3)
MESSAGE = struct.Struct("qq")


def unnamed(process):
    """Files that a process has open and that have no name (any more): their contents by the path that opens them."""
    found = {}
    folder = f"/proc/{process}/fd"
    for number in os.listdir(folder):
        path = f"{folder}/{number}"
        target = os.readlink(path)
        if (target.endswith(" (deleted)") or target.startswith("/memfd:")) and stat.S_ISREG(os.stat(path).st_mode):
            with open(path, "rb") as file:
                found[path] = file.read()
    return found


def write_back(path, data):
    with open(path, "rb") as file:
        if file.read() == data:
            return
    with open(path, "r+b") as file:
        file.write(data)
        file.truncate()


class Kept:
    """What is in a folder, and in the files without a name of a process. Files are kept as links beside their contents: the
    process has some of them open, so that a copy under the same name would not do."""

    def __init__(self, folder, process, links):
        self.folder, self.links = folder, links
        self.folders, self.files, self.unnamed = [], {}, unnamed(process)
        os.makedirs(links)
        for at, _, names in os.walk(folder):
            self.folders.append(at)
            for name in names:
                path, link = os.path.join(at, name), os.path.join(links, str(len(self.files)))
                os.link(path, link)
                with open(path, "rb") as file:
                    self.files[path] = link, file.read()

    def put_back(self):
        for path in self.folders: # those that hold others come first
            os.makedirs(path, exist_ok=True)
        for at, folders, names in os.walk(self.folder):
            for name in names:
                path = os.path.join(at, name)
                if path not in self.files or not os.path.samefile(path, self.files[path][0]):
                    os.unlink(path)
            for name in [name for name in folders if os.path.join(at, name) not in self.folders]:
                shutil.rmtree(os.path.join(at, name))
                folders.remove(name)
        for path, (link, data) in self.files.items():
            if not os.path.exists(path):
                os.link(link, path)
            write_back(path, data)
        for path, data in self.unnamed.items():
            write_back(path, data)

    def forget(self):
        shutil.rmtree(self.links)


def serve(words, environment, place, points, check):
    """Runs `words` once, and at each of the `points`, pairs (number of a call, whether those behind it fail, too), in ascending
    order, a child of it. Standard output and standard error go to place/said/. check(point, status) looks at what a child did and
    left. Returns the points at which there could be no child, and the exit status of the run itself, which is as it would have
    been without any child."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    said = os.path.join(place, "said")
    os.makedirs(said)
    left, cannot = list(points), []
    with open(os.path.join(said, "stdout"), "wb") as stdout, open(os.path.join(said, "stderr"), "wb") as stderr:
        run = subprocess.Popen(words, env=dict(environment, RESQ_FAIL_SERVE=str(theirs.fileno())), stdin=subprocess.DEVNULL,
                               stdout=stdout, stderr=stderr, pass_fds=[theirs.fileno()])
    theirs.close()

    def order():
        number, on = left[0] if left else (0, False)
        ours.send(MESSAGE.pack(number, on))

    kept = None
    with ours:
        order()
        while message := ours.recv(MESSAGE.size):
            what, value = MESSAGE.unpack(message)
            if what == READY:
                kept = Kept(place, run.pid, place + ".kept")
                ours.send(message)
                continue
            if what == ENDED:
                check(left.pop(0), os.waitstatus_to_exitcode(value))
                kept.put_back()
                kept.forget()
            else:
                cannot.append(left.pop(0))
            order()
    return cannot + left, run.wait()
