"""A vector environment that steps its copies in turn, with every mode of beginning anew."""
import enum

import numpy as np


class AutoresetMode(enum.Enum):
    NEXT_STEP = "NextStep"
    SAME_STEP = "SameStep"
    DISABLED = "Disabled"


class VectorEnv:
    """Copies of Walk, as a vector class of its own would step them."""

    def __init__(self, envs, mode, names=("final_obs", "final_info"), declares=True):
        self.envs, self.mode, self.names = envs, mode, names
        self.num_envs = len(envs)
        self.metadata = {"autoreset_mode": mode} if declares else {}
        self.single_observation_space = envs[0].observation_space
        self.single_action_space = envs[0].action_space
        self.over = np.zeros(self.num_envs, bool)

    def reset(self, *, seed=None, options=None):
        chosen = (options or {}).get("reset_mask", np.ones(self.num_envs, bool))
        if not isinstance(seed, list):
            seed = [None if seed is None else seed + index for index in range(self.num_envs)]
        for index in np.flatnonzero(chosen):
            self.rows[index] = self.envs[index].reset(seed=seed[index])[0]
        self.over[chosen] = False
        return np.stack(self.rows), {}

    rows = property(lambda self: self.__dict__.setdefault("kept", [None] * self.num_envs))

    def step(self, actions):
        assert isinstance(actions, np.ndarray) and actions.shape == (self.num_envs,) and actions.dtype == np.int64
        assert self.mode is not AutoresetMode.DISABLED or not self.over.any(), "not reset"
        rewards = np.zeros(self.num_envs)
        flags = np.zeros((2, self.num_envs), bool)
        info = {}
        for index, env in enumerate(self.envs):
            if self.mode is AutoresetMode.NEXT_STEP and self.over[index]:
                self.rows[index] = env.reset()[0]
                continue
            self.rows[index], rewards[index], flags[0, index], flags[1, index], _ = env.step(actions[index])
            if self.mode is AutoresetMode.SAME_STEP and flags[:, index].any():
                if self.names:
                    info.setdefault(self.names[0], np.full(self.num_envs, None, object))[index] = self.rows[index]
                self.rows[index] = env.reset()[0]
        self.over = flags.any(axis=0)
        return np.stack(self.rows), rewards, flags[0], flags[1], info

    def close(self):
        pass


class AsyncVectorEnv(VectorEnv):
    """Not apart in truth, but with the constructor."""

    def __init__(self, env_fns, autoreset_mode=AutoresetMode.NEXT_STEP):
        super().__init__([make() for make in env_fns], autoreset_mode)
