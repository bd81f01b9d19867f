# The first half of the program that Rl.Gymnasium runs in Python: spaces as descriptions, values as rows of bytes.
# A row of an observation is its leaves one after the other, unsigned bytes for boxes of these and float32 for the rest;
# a row of an action is float32 alone. With gymnasium and numpy, nothing else.
import base64
import struct

import numpy as np

PACK_FLOAT = struct.Struct("<f").pack
UNPACK_FLOAT = struct.Struct("<f").unpack_from
LARGEST = 1 << 24


class Refused(Exception):
    """What the bridge cannot carry; the message is for the user."""


def bounds_text(bounds):
    """Bounds as float32 in base 64; a single one where all are equal."""
    with np.errstate(over="ignore"):
        flat = np.asarray(bounds, np.float64).reshape(-1).astype("<f4")
    if np.isnan(flat).any():
        raise Refused("has NaN among its bounds")
    if flat.size > 1 and (flat == flat[0]).all():
        flat = flat[:1]
    return base64.b64encode(flat.tobytes()).decode()


def kind_of(space):
    """The name of the class of gymnasium.spaces that a space is an instance of; None for classes of others."""
    from gymnasium import spaces

    for name in ("Box", "Discrete", "MultiDiscrete", "MultiBinary", "Dict", "Tuple"):
        if isinstance(space, getattr(spaces, name)):
            return name
    return None


def is_image(space, images):
    """Whether a box holds images whose last axis is channels, which go first on our side."""
    return (
        images
        and space.dtype == np.uint8
        and len(space.shape) == 3
        and space.shape[2] in (1, 3, 4)
        and space.shape[0] > 4
        and space.shape[1] > 4
    )


def exact(path, *integers):
    """Refuses integers that float32 does not hold."""
    if any(abs(int(value)) > LARGEST for value in integers):
        raise Refused(f"{path} has integers beyond {LARGEST}, which float32 does not hold exactly")


class Leaf:
    """A part of a value that is neither a tuple nor a dictionary."""

    def __init__(self, path, keys, space, images):
        self.path, self.keys, self.space, self.kind = path, keys, space, kind_of(space)
        self.shape = tuple(space.shape or ())
        if 0 in self.shape:
            raise Refused(f"{path} has the shape {self.shape}; each axis must have an element")
        self.size = int(np.prod(self.shape, dtype=np.int64))
        self.is_image = self.kind == "Box" and is_image(space, images)
        self.wire = np.dtype("u1") if self.kind == "Box" and space.dtype == np.uint8 else np.dtype("<f4")
        # Bounds of float64 that float32 rounds outwards would be left by an action at a bound.
        self.clips = False
        if self.kind == "Box" and space.dtype.kind == "f" and space.dtype.itemsize > 4:
            with np.errstate(over="ignore"):
                low, high = space.low.astype(np.float32), space.high.astype(np.float32)
            self.clips = bool((low < space.low).any() or (high > space.high).any())

    def description(self):
        if self.kind == "Box":
            shape = list(self.shape) or [1]
            low, high = self.space.low, self.space.high
            if self.is_image:
                shape = [shape[2], shape[0], shape[1]]
                low, high = low.transpose(2, 0, 1), high.transpose(2, 0, 1)
            is_bytes = self.wire.itemsize == 1
            return {"kind": "box", "shape": shape, "low": bounds_text(low), "high": bounds_text(high), "bytes": is_bytes}
        if self.kind == "Discrete":
            start = int(getattr(self.space, "start", 0))
            exact(self.path, start, start + int(self.space.n) - 1)
            return {"kind": "discrete", "count": int(self.space.n), "start": start}
        if self.kind == "MultiDiscrete":
            counts = np.asarray(self.space.nvec).reshape(-1)
            starts = np.broadcast_to(getattr(self.space, "start", 0), self.shape).reshape(-1)
            exact(self.path, *starts, *(starts + counts - 1))
            return {"kind": "multiDiscrete", "counts": counts.tolist(), "starts": starts.tolist()}
        return {"kind": "multiBinary", "shape": list(self.shape) or [1]}

    def array(self, value, shape):
        """A value as an array of the leaf's shape in the form in which it travels."""
        found = np.asarray(value)
        if found.shape != shape and not (self.kind == "Discrete" and found.size == int(np.prod(shape))):
            raise Refused(f"{self.path} is of the shape {found.shape}; its space {self.space} has {shape}")
        if found.dtype.kind not in "biuf":
            raise Refused(f"{self.path} has elements of the type {found.dtype}; its space is {self.space}")
        if found.dtype == self.wire:
            return found
        with np.errstate(over="ignore", invalid="ignore"):
            made = found.astype(self.wire)
        if self.wire.itemsize == 1 and not (made == found).all():
            raise Refused(f"{self.path} has elements that are no bytes, such as {found[made != found].flat[0]}")
        return made

    def bytes(self, value):
        found = value
        if type(found) is not np.ndarray or found.dtype != self.wire or found.shape != self.shape:
            found = self.array(found, self.shape)
        return (found.transpose(2, 0, 1) if self.is_image else found).tobytes()

    def rows(self, value, count):
        """The bytes [count, width] of a batch of values."""
        found = self.array(value, (count, *self.shape))
        if self.is_image:
            found = found.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(found).reshape(count, -1).view(np.uint8)

    def action(self, row, count=None):
        """The action that elements of a row mean; `count`: of as many rows, [count, size]."""
        if self.kind == "Discrete":
            return np.int64(row[0]) if count is None else row[:, 0].astype(np.int64)
        shape = self.shape if count is None else (count, *self.shape)
        made = row.reshape(shape).astype(self.space.dtype)
        return np.clip(made, self.space.low, self.space.high) if self.clips else made


class Layout:
    """A space's leaves in order, and how values of it become bytes and come from them."""

    def __init__(self, space, name, images=False):
        self.space, self.leaves = space, []
        self.description = self.describe(space, name, (), images)
        self.size = sum(leaf.size for leaf in self.leaves)
        self.is_plain = not self.leaves[0].keys
        if self.is_plain and self.leaves[0].kind == "Box" and not self.leaves[0].is_image:
            self.bytes = self.leaves[0].bytes

    def describe(self, space, path, keys, images):
        kind = kind_of(space)
        if kind == "Dict":
            entries, names = [], set()
            for key, part in space.spaces.items():
                name = str(key).replace(".", "_") or "_"
                if name in names:
                    raise Refused(f"{path} has two parts that are named {name}")
                names.add(name)
                entries.append([name, self.describe(part, f"{path}.{name}", (*keys, key), images)])
            self.require(path, entries)
            return {"kind": "dict", "entries": entries}
        if kind == "Tuple":
            parts = [
                self.describe(part, f"{path}.{index}", (*keys, index), images)
                for index, part in enumerate(space.spaces)
            ]
            self.require(path, parts)
            return {"kind": "tuple", "parts": parts}
        if kind is None:
            raise Refused(
                f"{path} is of the space {type(space).__name__}; the bridge carries Box, Discrete, MultiDiscrete, "
                "MultiBinary, Dict and Tuple. Wrap the environment in Python so that it shows one of these"
            )
        self.leaves.append(Leaf(path, keys, space, images))
        return self.leaves[-1].description()

    @staticmethod
    def require(path, parts):
        if not parts:
            raise Refused(f"{path} has no parts")

    @staticmethod
    def find(value, leaf):
        for key in leaf.keys:
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError) as error:
                raise Refused(f"{leaf.path} is missing in what the environment returned") from error
        return value

    def bytes(self, value):
        if self.is_plain and self.leaves[0].kind == "Discrete" and isinstance(value, (int, np.integer)):
            return PACK_FLOAT(value)
        return b"".join([leaf.bytes(self.find(value, leaf)) for leaf in self.leaves])

    def rows(self, value, count):
        """The bytes [count, width] of a batch of values."""
        if self.is_plain:
            return self.leaves[0].rows(value, count)
        return np.concatenate([leaf.rows(self.find(value, leaf), count) for leaf in self.leaves], axis=1)

    def action(self, data, offset):
        """The action whose row begins at an offset of the data."""
        if self.is_plain and self.leaves[0].kind == "Discrete":
            return np.int64(UNPACK_FLOAT(data, offset)[0])
        return self.nested(np.frombuffer(data, "<f4", self.size, offset), None)

    def actions(self, data, offset, count):
        """The actions of a batch, as gymnasium.vector nests them."""
        return self.nested(np.frombuffer(data, "<f4", self.size * count, offset).reshape(count, self.size), count)

    def nested(self, row, count):
        position = 0
        made = []
        for leaf in self.leaves:
            made.append(leaf.action(row[..., position : position + leaf.size], count))
            position += leaf.size
        following = iter(made)
        return self.nest(self.space, following)

    def nest(self, space, following):
        kind = kind_of(space)
        if kind == "Dict":
            return {key: self.nest(part, following) for key, part in space.spaces.items()}
        if kind == "Tuple":
            return tuple(self.nest(part, following) for part in space.spaces)
        return next(following)


class Masks:
    """Action masks of info["action_mask"] as one byte a choice: as many as integers have values, two a bit."""

    def __init__(self, layout):
        self.space, self.size = layout.space, sum(self.choices(leaf) for leaf in layout.leaves)
        self.all = b"\1" * self.size

    @staticmethod
    def choices(leaf):
        if leaf.kind == "Discrete":
            return int(leaf.space.n)
        if leaf.kind == "MultiDiscrete":
            return int(np.sum(leaf.space.nvec))
        return 2 * leaf.size if leaf.kind == "MultiBinary" else 0

    def bytes(self, mask):
        if mask is None:
            return self.all
        made = b"".join(self.parts(self.space, mask))
        if len(made) != self.size:
            raise Refused(f'info["action_mask"] has {len(made)} choices; {self.space} has {self.size}')
        return made

    def parts(self, space, mask):
        kind = kind_of(space)
        if kind == "Dict":
            return [part for key, inner in space.spaces.items() for part in self.parts(inner, mask[key])]
        if kind == "Tuple":
            return [part for inner, own in zip(space.spaces, mask) for part in self.parts(inner, own)]
        if kind == "Box":
            return []
        if kind == "MultiDiscrete" and not isinstance(mask, np.ndarray):
            return [(np.asarray(part).reshape(-1) != 0).tobytes() for part in mask]
        flat = np.asarray(mask).reshape(-1)
        if kind == "MultiBinary":
            # As in gymnasium: 0 and 1 for a bit that must be so, 2 for one that is free.
            return [np.stack([flat != 1, flat != 0], axis=1).tobytes()]
        return [(flat != 0).tobytes()]
