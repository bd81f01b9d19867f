"""The spaces that the bridge carries, and some that it refuses."""
import numpy as np


class Space:
    def __init__(self, shape=None, dtype=None):
        self.shape, self.dtype = shape, None if dtype is None else np.dtype(dtype)

    def __repr__(self):
        return type(self).__name__


class Box(Space):
    def __init__(self, low, high, shape=None, dtype=np.float32):
        super().__init__(tuple(shape) if shape is not None else np.shape(low), dtype)
        self.low = np.broadcast_to(low, self.shape).astype(dtype)
        self.high = np.broadcast_to(high, self.shape).astype(dtype)

    def __repr__(self):
        return f"Box({self.shape}, {self.dtype})"


class Discrete(Space):
    def __init__(self, n, start=0):
        super().__init__((), np.int64)
        self.n, self.start = np.int64(n), np.int64(start)


class MultiDiscrete(Space):
    def __init__(self, nvec, start=None):
        self.nvec = np.array(nvec, np.int64)
        self.start = np.zeros_like(self.nvec) if start is None else np.array(start, np.int64)
        super().__init__(self.nvec.shape, np.int64)


class MultiBinary(Space):
    def __init__(self, n):
        super().__init__((n,) if isinstance(n, int) else tuple(n), np.int8)
        self.n = n


class Tuple(Space):
    def __init__(self, spaces):
        super().__init__()
        self.spaces = tuple(spaces)


class Dict(Space):
    def __init__(self, spaces):
        super().__init__()
        self.spaces = dict(sorted(spaces.items()))


class Text(Space):
    pass


class Graph(Space):
    pass


class Sequence(Space):
    pass
