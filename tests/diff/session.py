# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""resq/session.h through ctypes: loads a library that `resqc --emit=shared` made and calls its functions. Standard library only."""
import ctypes
from array import array
from ctypes import POINTER, byref, c_bool, c_char_p, c_int, c_int64, c_void_p


class Message(ctypes.Structure):
    _fields_ = [("text", ctypes.c_char * 1024), ("code", c_int)]


class Options(ctypes.Structure):
    _fields_ = [("threads", c_int), ("sequences", c_int64), ("capacity", c_int64), ("level", c_char_p),
                ("device", c_char_p)]


class Error(Exception):
    """What the library says of a call that failed."""


class Model:
    def __init__(self, path, mode=ctypes.DEFAULT_MODE):
        self.path, self.library = path, ctypes.CDLL(path, mode)
        self.library.resq_model_open.restype = c_void_p
        self.library.resq_model_open.argtypes = [c_void_p, c_char_p, POINTER(Message)]
        self.library.resq_session_create.restype = c_void_p
        self.library.resq_session_create.argtypes = [c_void_p, POINTER(Options), POINTER(Message)]
        self.library.resq_session_call.restype = c_bool
        self.library.resq_session_call.argtypes = [c_void_p, c_char_p, POINTER(c_void_p), POINTER(c_int64), c_int,
                                                   POINTER(Message)]
        self.library.resq_session_destroy.argtypes = self.library.resq_model_close.argtypes = [c_void_p]
        why = Message()
        program = c_void_p.in_dll(self.library, "resq_program_v1")
        self.handle = self.library.resq_model_open(byref(program), path.encode(), byref(why))
        if not self.handle:
            raise Error(why.text.decode())

    def close(self):
        self.library.resq_model_close(self.handle)


class Session:
    def __init__(self, model, level=None, threads=1, sequences=1, capacity=192, device=None):
        self.model, why = model, Message()
        options = Options(threads, sequences, capacity, level.encode() if level else None,
                          device.encode() if device else None)
        self.handle = model.library.resq_session_create(model.handle, byref(options), byref(why))
        if not self.handle:
            raise Error(why.text.decode())

    def call(self, function, inputs, results):
        """inputs: array('f') or array('i') each with its rows; results: (rows, width) each. Gives array('f') of each."""
        outs = [array("f", bytes(4 * rows * width)) for rows, width in results]
        buffers = [data for data, _ in inputs] + outs
        pointers = (c_void_p * len(buffers))(*(b.buffer_info()[0] for b in buffers))
        extents = [rows for _, rows in inputs] + [rows for rows, _ in results]
        why = Message()
        if not self.model.library.resq_session_call(self.handle, function.encode(), pointers,
                                                    (c_int64 * len(extents))(*extents), len(extents), byref(why)):
            raise Error(f"{function}: {why.text.decode()}")
        return outs

    def close(self):
        self.model.library.resq_session_destroy(self.handle)
