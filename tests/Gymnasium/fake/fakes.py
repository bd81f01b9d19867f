"""Environments of the double: good ones of every space, and one for every way to misbehave."""
import os
import signal
import subprocess
import sys
import time

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.envs.registration import Spec
from gymnasium.vector import AutoresetMode, VectorEnv


class Walk(gymnasium.Env):
    """A walk on a line that ends beyond 2.5 and is cut after 6 steps; each episode has a number of its own."""

    def __init__(self, scale=1.5, masks=False):
        self.scale, self.masks = scale, masks
        self.observation_space = spaces.Box(np.array([-np.inf, 0, 0], np.float32), np.array([np.inf, 6, 1], np.float32))
        self.action_space = spaces.Discrete(3, start=-1)

    def info(self):
        return {"action_mask": np.array([self.place > -2, self.steps % 2 == 0, True], np.int8)} if self.masks else {}

    def observe(self):
        return np.array([self.place, self.steps, self.number], np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.steps, self.number = self.random.uniform(-1, 1), 0, self.random.random()
        if options:
            self.place = options["place"]
        return self.observe(), self.info()

    def step(self, action):
        assert isinstance(action, np.int64) and -1 <= action <= 1
        self.place += action * (0.5 + self.random.random())
        self.steps += 1
        return self.observe(), self.scale * float(action), abs(self.place) > 2.5, self.steps >= 6, self.info()


class Everything(gymnasium.Env):
    """Every space at once; it shows the last action that it was given."""

    def __init__(self):
        self.observation_space = spaces.Dict(
            {
                "image": spaces.Box(0, 255, (6, 5, 3), np.uint8),
                "level": spaces.Box(-np.inf, np.inf, (), np.float64),
                "nested": spaces.Tuple([spaces.Discrete(4, start=2), spaces.MultiDiscrete([2, 3], start=[1, 5])]),
                "switches.all": spaces.MultiBinary(3),
                "small": spaces.Box(-3, 3, (2, 2), np.int16),
            }
        )
        self.action_space = spaces.Tuple(
            [
                spaces.Discrete(3, start=5),
                spaces.Dict({"bits": spaces.MultiBinary(2), "pull": spaces.Box(-0.1, 0.1, (2,), np.float64)}),
                spaces.MultiDiscrete([4, 2]),
            ]
        )

    def observe(self, bits, pull, choices):
        image = np.arange(90, dtype=np.uint8).reshape(6, 5, 3)
        return {
            "image": image,
            "level": float(pull.sum()),
            "nested": (np.int64(2 + choices[0]), np.array([1 + choices[1], 7])),
            "switches.all": np.array([*bits, 1], np.int8),
            "small": np.array([[1, -2], [3, 0]], np.int16),
        }

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observe(np.zeros(2), np.zeros(2), np.zeros(2, np.int64)), {}

    def step(self, action):
        kind, parts, choices = action
        assert isinstance(kind, np.int64) and parts["bits"].dtype == np.int8 and parts["pull"].dtype == np.float64
        assert choices.dtype == np.int64 and (np.abs(parts["pull"]) <= 0.1).all()
        return self.observe(parts["bits"], parts["pull"], choices), float(kind), False, False, {}


class Only(Walk):
    """A walk whose observations are of a space that is given by name."""

    def __init__(self, space):
        super().__init__()
        made = getattr(spaces, space)()
        self.observation_space = spaces.Dict({"word": made}) if space == "Text" else made


class Bad(Walk):
    """A walk that does something at its third step or at a reset."""

    def __init__(self, what, at=3):
        super().__init__()
        self.what, self.at = what, at
        if what == "make":
            raise RuntimeError("no such robot")

    def reset(self, *, seed=None, options=None):
        result = super().reset(seed=seed)
        return result[0] if self.what == "old reset" else result

    def step(self, action):
        observation, reward, terminated, truncated, info = super().step(action)
        if self.steps == self.at:
            result = getattr(self, self.what.replace(" ", "_"), lambda *_: None)(observation)
            if result is not None:
                return result
        return observation, reward, terminated, truncated, info

    def raises(self, _):
        raise ValueError("the arm is at 3.5 rad")

    def exits(self, _):
        print("last words", file=sys.stderr)
        os._exit(7)

    def leaves(self, _):
        sys.exit(3)

    def is_killed(self, _):
        os.kill(os.getpid(), signal.SIGKILL)

    def crashes(self, _):
        import ctypes

        ctypes.string_at(0)

    def hangs(self, _):
        while True:
            time.sleep(0.01)

    def wrong_shape(self, _):
        return np.zeros(4, np.float32), 0.0, False, False, {}

    def wrong_type(self, _):
        return "a text", 0.0, False, False, {}

    def old_step(self, observation):
        return observation, 0.0, False, {}

    def no_reward(self, observation):
        return observation, None, False, False, {}

    def nan_reward(self, observation):
        return observation, float("nan"), False, False, {}

    def nan(self, observation):
        return observation * np.nan, 0.0, False, False, {}

    def prints(self, _):
        print("to the standard output")
        os.write(1, b"\x10\x00\x00\x00to its file\n")
        subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
        sys.stderr.write("x" * 300_000 + "\n")
        assert sys.stdin.read() == ""

    def forks(self, _):
        """A process that outlives this one, which then ends."""
        child = os.fork()
        if child == 0:
            time.sleep(30)
            os._exit(0)
        os._exit(9)


class Draws(Walk):
    """A walk that can be looked at."""

    metadata = {"render_modes": ["human", "rgb_array"], "render_fps": 12}

    def __init__(self, render_mode=None, shape=(4, 6, 3)):
        super().__init__()
        self.render_mode, self.picture = render_mode, tuple(shape)

    def render(self):
        picture = np.zeros(self.picture, np.uint8)
        picture[0, -1] = [255, self.steps, 7][: self.picture[-1]]
        return picture


class Large(gymnasium.Env):
    """Integers that float32 does not hold."""

    def __init__(self):
        self.observation_space = spaces.Discrete(1 << 25)
        self.action_space = spaces.Discrete(2)


def walks(num_envs, mode="NextStep", says=True, declares=True, max_episode_steps=None):
    names = ("final_obs", "final_info") if says else None
    return VectorEnv([Walk() for _ in range(num_envs)], AutoresetMode(mode), names, declares)


SPECS = {
    spec.id: spec
    for spec in [
        Spec("Walk-v0", "fakes:Walk", "fakes:walks", max_episode_steps=6, reward_threshold=4.5),
        Spec("Everything-v0", "fakes:Everything"),
        Spec("Only-v0", "fakes:Only"),
        Spec("Bad-v0", "fakes:Bad"),
        Spec("Draws-v0", "fakes:Draws", max_episode_steps=6),
        Spec("Large-v0", "fakes:Large"),
    ]
}
