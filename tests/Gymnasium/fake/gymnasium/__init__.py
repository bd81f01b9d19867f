"""A double of gymnasium for the tests of Rl.Gymnasium: as much of it as the bridge asks for, written from its documentation."""
import os

from gymnasium import spaces, vector
from gymnasium.envs.registration import Spec, find, load_env_creator

__version__ = os.environ.get("FAKE_GYMNASIUM_VERSION", "1.2.3")


class Env:
    """What environments have."""

    metadata = {"render_modes": []}
    render_mode = None
    spec = None

    def reset(self, *, seed=None, options=None):
        import numpy as np

        if seed is not None or not hasattr(self, "random"):
            self.random = np.random.default_rng(seed)

    def close(self):
        pass


def spec(name):
    return find(name)


def make(name, **arguments):
    found = find(name)
    env = load_env_creator(found.entry_point)(**arguments)
    env.spec = found
    return env


def make_vec(name, num_envs=1, vectorization_mode=None, **arguments):
    found = find(name)
    if found.vector_entry_point is None:
        raise ValueError(f"Cannot create vectorized environment for {name}: no vector entry point")
    env = load_env_creator(found.vector_entry_point)(num_envs=num_envs, **arguments)
    env.spec = found
    return env
