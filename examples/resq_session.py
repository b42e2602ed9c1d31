# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Calls a library of `resqc --emit=shared` from Python: resq/session.h through ctypes, with numpy arrays."""
import ctypes
from ctypes import POINTER, byref, c_bool, c_char_p, c_int, c_int64, c_void_p

import numpy as np


class Message(ctypes.Structure):
    _fields_ = [("text", ctypes.c_char * 1024), ("code", c_int)]


class Options(ctypes.Structure):
    _fields_ = [("threads", c_int), ("sequences", c_int64), ("capacity", c_int64), ("level", c_char_p),
                ("device", c_char_p)]


class Session:
    """A model and one session of it: caches, workspace and threads."""

    def __init__(self, path, threads=1, sequences=1, capacity=64, level=None, device=None):
        self.lib = lib = ctypes.CDLL(path)
        lib.resq_model_open.restype = lib.resq_session_create.restype = c_void_p
        lib.resq_session_call.restype = c_bool
        why = Message()
        program = c_void_p.in_dll(lib, "resq_program_v1")
        self.model = c_void_p(lib.resq_model_open(byref(program), path.encode(), byref(why)))
        self.check(self.model.value, why)
        options = Options(threads, sequences, capacity, level and level.encode(), device and device.encode())
        self.session = c_void_p(lib.resq_session_create(self.model, byref(options), byref(why)))
        self.check(self.session.value, why)

    @staticmethod
    def check(ok, why):
        if not ok:
            raise RuntimeError(why.text.decode())

    def call(self, function, *arrays):
        """Inputs, then results: C-contiguous float32 [rows, width] or int32 [rows] arrays, as the function's type says."""
        for a in arrays:
            assert a.flags.c_contiguous and a.dtype in (np.float32, np.int32)
        pointers = (c_void_p * len(arrays))(*(a.ctypes.data for a in arrays))
        rows = (c_int64 * len(arrays))(*(len(a) for a in arrays))
        why = Message()
        self.check(self.lib.resq_session_call(self.session, function.encode(), pointers, rows, c_int(len(arrays)),
                                              byref(why)), why)

    def close(self):
        self.lib.resq_session_destroy(self.session)
        self.lib.resq_model_close(self.model)
