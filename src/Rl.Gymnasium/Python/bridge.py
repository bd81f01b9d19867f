# The second half of the program that Rl.Gymnasium runs in Python: makes an environment and answers requests for it.
# A frame is its length as int32 and so many bytes, little-endian. The first request is a configuration as JSON, the
# first answer a description as JSON. An answer begins with 0, or with 1 before an error as JSON.
import ast
import importlib
import json
import os
import platform
import select
import signal
import sys
import threading
import time
import traceback

RESET, STEP, RENDER, CLOSE = 1, 2, 3, 4
TERMINATED, TRUNCATED, STARTED = 1, 2, 4
# How often it is looked whether a request has come before this process sleeps, some 200 microseconds, and the largest
# power of two of requests without a look after requests that came later.
LOOKS, MOST_MISSES = 250, 6
RANGE = struct.Struct("<ii")
ONE = struct.Struct("<iBdB")


class OfCopy(Exception):
    """An exception of one copy among several."""

    def __init__(self, copy):
        self.copy = copy


class Pipe:
    """Standard input and output, taken away from everybody else: what is printed goes to the standard error."""

    def __init__(self):
        self.input, self.output = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        os.close(nothing)
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
        if os.name == "nt":
            import msvcrt

            msvcrt.setmode(self.input, os.O_BINARY)
            msvcrt.setmode(self.output, os.O_BINARY)
        if hasattr(os, "register_at_fork"):
            # A process that an environment forks must not keep the pipes open when this one has ended.
            os.register_at_fork(after_in_child=self.leave)
        self.requests, self.misses, self.left = None, 0, 0
        if hasattr(select, "poll") and (os.cpu_count() or 1) > 1:
            self.requests = select.poll()
            self.requests.register(self.input, select.POLLIN)
        threading.Thread(target=self.watch, daemon=True).start()

    def leave(self):
        os.close(self.input)
        os.close(self.output)

    def watch(self):
        """Ends this process soon after the one that started it has, even in the midst of an endless step."""
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(self.input, 0)
            poll.poll()
        else:
            parent = os.getppid()
            while os.getppid() == parent:
                time.sleep(1)
        time.sleep(3)
        os._exit(1)

    def look(self):
        """Looks for a while whether a request has come: to wake a process on a quiet processor takes longer than a
        short step. Where requests take long it looks only now and then."""
        if self.left > 0:
            self.left -= 1
            return
        poll = self.requests.poll
        for _ in range(LOOKS):
            if poll(0):
                self.misses = 0
                return
        self.misses = min(self.misses + 1, MOST_MISSES)
        self.left = (1 << self.misses) - 1

    def receive(self):
        """The bytes of the next request behind their length; None when there will be none."""
        if self.requests is not None:
            self.look()
        data = os.read(self.input, 1 << 18)
        if len(data) >= 4 and len(data) == 4 + int.from_bytes(data[:4], "little"):
            return data
        parts = bytearray(data)
        while data and (len(parts) < 4 or len(parts) < 4 + int.from_bytes(parts[:4], "little")):
            data = os.read(self.input, 1 << 20)
            parts += data
        return bytes(parts) if data else None

    def write(self, data):
        written = os.write(self.output, data)
        while written < len(data):
            data = memoryview(data)[written:]
            written = os.write(self.output, data)

    def send(self, *parts):
        body = b"".join(parts)
        self.write((len(body) + 1).to_bytes(4, "little") + b"\0" + body)

    def fail(self, error):
        copy = None
        if isinstance(error, OfCopy):
            copy, error = error.copy, error.__cause__
        text = str(error)
        answer = {
            "refused": isinstance(error, Refused),
            "type": type(error).__name__,
            "message": text if len(text) < 4000 else text[:4000] + " ...",
            "traceback": "".join(traceback.format_exception(type(error), error, error.__traceback__))[-8000:],
            "copy": copy,
            "python": f"{sys.executable} ({platform.python_version()})",
        }
        body = json.dumps(answer).encode()
        self.write((len(body) + 1).to_bytes(4, "little") + b"\1" + body)


def outcome(result):
    """A step's five values."""
    try:
        observation, reward, terminated, truncated, info = result
    except (TypeError, ValueError) as error:
        number = len(result) if isinstance(result, tuple) else 1
        raise Refused(
            f"step returned {number} values instead of observation, reward, terminated, truncated and info; update "
            "the environment to Gymnasium's API"
        ) from error
    try:
        reward = float(reward)
    except (TypeError, ValueError) as error:
        raise Refused(f"the reward is {reward!r}; it must be a number") from error
    return observation, reward, (TERMINATED if terminated else 0) | (TRUNCATED if truncated else 0), info


def beginning(result):
    """A reset's two values."""
    if not isinstance(result, tuple) or len(result) != 2 or not isinstance(result[1], dict):
        raise Refused("reset did not return an observation and a dictionary; update the environment to Gymnasium's API")
    return result


class Copies:
    """Environments that are stepped one after the other; a range of them a request."""

    autoreset = "same"

    def __init__(self, envs, images, options):
        self.envs, self.options = envs, options
        self.observations = Layout(envs[0].observation_space, "the observation", images)
        self.layout = Layout(envs[0].action_space, "the action")
        self.masks = Masks(self.layout)
        self.is_masked = self.begin(0, 0)[1].get("action_mask") is not None and self.masks.size > 0
        self.now = [self.masks.all] * len(envs)
        self.step_one = self.fast() if self.autoreset == "none" and not self.is_masked else None

    def begin(self, copy, seed):
        observation, info = beginning(self.envs[copy].reset(seed=seed, options=self.options))
        return self.observations.bytes(observation), info

    def mask(self, info):
        return self.masks.bytes(info.get("action_mask")) if self.is_masked else b""

    def reset(self, data):
        first, count = RANGE.unpack_from(data, 5)
        seeds = np.frombuffer(data, "<u8", count, 13).tolist()
        rows, masks = [], []
        for index, seed in enumerate(seeds):
            try:
                row, info = self.begin(first + index, seed)
                rows.append(row)
                masks.append(self.mask(info))
            except Exception as error:
                raise OfCopy(first + index) from error
        return [*masks, *rows]

    def step(self, data):
        first, count = RANGE.unpack_from(data, 5)
        width = 4 * self.layout.size
        # Seeds behind the actions are those of the episodes that begin; single copies begin none.
        behind = 13 + width * count
        seeds = np.frombuffer(data, "<u8", count, behind).tolist() if len(data) > behind else [None] * count
        restarts = self.autoreset == "same"
        rewards, flags, masks, rows, finals = [], bytearray(count), [], [], []
        for index in range(count):
            copy = first + index
            try:
                result = self.envs[copy].step(self.layout.action(data, 13 + index * width))
                observation, reward, flags[index], info = outcome(result)
                row = self.observations.bytes(observation)
                if flags[index] and restarts:
                    finals.append(row)
                    row, info = self.begin(copy, seeds[index])
                rewards.append(reward)
                rows.append(row)
                masks.append(self.mask(info))
            except Exception as error:
                raise OfCopy(copy) from error
        return [np.array(rewards, "<f8").tobytes(), bytes(flags), *masks, *rows, *finals]

    def fast(self):
        """The whole answer to a step of a single copy without masks, which most requests are."""
        step, action, bytes_of, pack = self.envs[0].step, self.layout.action, self.observations.bytes, ONE.pack

        def run(data):
            observation, reward, flag, _ = outcome(step(action(data, 13)))
            row = bytes_of(observation)
            return pack(10 + len(row), 0, reward, flag) + row

        return run

    def render(self, copy):
        return self.envs[copy].render()

    def close(self):
        for env in self.envs:
            env.close()


class Single(Copies):
    """One environment, reset when it is asked to."""

    autoreset = "none"


class Vector:
    """An environment of gymnasium.vector, which steps all copies together."""

    def __init__(self, env, autoreset, takes_seeds, images, options):
        self.env, self.autoreset, self.takes_seeds, self.options = env, autoreset, takes_seeds, options
        self.count = env.num_envs
        self.observations = Layout(env.single_observation_space, "the observation", images)
        self.layout = Layout(env.single_action_space, "the action")
        self.masks = Masks(self.layout)
        self.ended, self.any_ended = np.zeros(self.count, bool), False
        _, info = beginning(self.begin([0] * self.count))
        self.is_masked = "action_mask" in info and self.masks.size > 0

    def begin(self, seeds):
        return self.env.reset(seed=seeds if self.takes_seeds else seeds[0], options=self.options)

    def mask(self, info):
        if not self.is_masked:
            return b""
        masks, known = info.get("action_mask"), info.get("_action_mask")
        if masks is None:
            return self.masks.all * self.count
        return b"".join(
            self.masks.bytes(masks[copy] if known is None or known[copy] else None) for copy in range(self.count)
        )

    def rows(self, observation):
        return self.observations.rows(observation, self.count)

    def reset(self, data):
        observation, info = beginning(self.begin(np.frombuffer(data, "<u8", self.count, 13).tolist()))
        self.ended, self.any_ended = np.zeros(self.count, bool), False
        return [self.mask(info), self.rows(observation).tobytes()]

    def step(self, data):
        result = self.env.step(self.layout.actions(data, 13, self.count))
        if not isinstance(result, tuple) or len(result) != 5:
            raise Refused("step did not return observations, rewards, terminations, truncations and info")
        observation, rewards, terminated, truncated, info = result
        rewards = self.vector(rewards, "rewards").astype("<f8")
        terminated, truncated = self.vector(terminated, "terminations"), self.vector(truncated, "truncations")
        flags = (terminated != 0).view(np.uint8) | ((truncated != 0).view(np.uint8) << 1)
        rows, finals = self.rows(observation), []
        if self.autoreset == "next" and self.any_ended:
            # What was over before this step has begun anew instead of taking it.
            flags[self.ended] = STARTED
        ended = (flags != 0) & (flags != STARTED)
        self.any_ended = bool(ended.any())
        if self.any_ended and self.autoreset == "next":
            finals = [rows[ended].tobytes()]
        elif self.any_ended:
            if self.autoreset == "same":
                finals = self.finals(info, ended)
            else:
                finals = [rows[ended].tobytes()]
                options = {**(self.options or {}), "reset_mask": ended}
                observation, info = beginning(self.env.reset(seed=None, options=options))
                rows = self.rows(observation)
        self.ended = ended
        return [rewards.tobytes(), flags.tobytes(), self.mask(info), rows.tobytes(), *finals]

    def finals(self, info, ended):
        """The last observations of episodes that ended in the step that began the next ones."""
        found = info.get("final_obs", info.get("final_observation"))
        if found is None:
            raise Refused(
                "the vector environment resets copies in the step that ends their episodes and does not say what their "
                'last observations were (info["final_obs"]); use Vectorization.Each, or another autoreset mode'
            )
        if isinstance(found, (dict, tuple)):
            return [self.rows(found)[ended].tobytes()]
        return [self.observations.bytes(found[copy]) for copy in np.flatnonzero(ended)]

    def vector(self, values, name):
        made = np.asarray(values)
        if made.shape != (self.count,) or made.dtype.kind not in "biuf":
            raise Refused(f"the {name} are of the shape {made.shape} and type {made.dtype}; {self.count} numbers are due")
        return made

    def render(self, copy):
        return self.env.render()[copy]

    def close(self):
        self.env.close()


def version_of(gymnasium):
    return tuple(int("".join(filter(str.isdigit, part)) or 0) for part in gymnasium.__version__.split(".")[:2])


def arguments(config):
    """The keyword arguments of make; texts of a command line are read as Python's literals where they are any."""
    made = dict(config["arguments"])
    if config["literals"]:
        for name, text in made.items():
            try:
                made[name] = ast.literal_eval(text)
            except (SyntaxError, ValueError):
                words = {"true": True, "false": False, "null": None}
                made[name] = words.get(text, text)
    return made


def make(config):
    sys.path[:0] = config["paths"]
    import gymnasium

    if version_of(gymnasium) < (0, 29):
        raise Refused(f"gymnasium is {gymnasium.__version__}; 0.29 or newer is needed: pip install -U gymnasium")
    for name in config["imports"]:
        importlib.import_module(name)
    known, mode, count = arguments(config), config["mode"], config["count"]
    if config["render"] and "render_mode" not in known:
        known.update(rendering(gymnasium, config["id"]))
    images, options = config["images"], config["options"]
    if mode in ("single", "each"):
        envs = [gymnasium.make(config["id"], **known) for _ in range(count)]
        made, env = (Single if mode == "single" else Copies)(envs, images, options), envs[0]
    else:
        env, autoreset = vectorize(gymnasium, mode, config["id"], count, known)
        made = Vector(env, autoreset, mode == "async", images, options)
    spec = getattr(env, "spec", None) or gymnasium.spec(config["id"])
    modes = env.metadata.get("render_modes") or []
    render_mode = getattr(env, "render_mode", None)
    threshold = getattr(spec, "reward_threshold", None)
    return made, {
        "gymnasium": gymnasium.__version__,
        "numpy": np.__version__,
        "python": f"{sys.executable} ({platform.python_version()})",
        "autoreset": "next" if made.autoreset == "next" else "same",
        "observations": made.observations.description,
        "actions": made.layout.description,
        "masked": bool(made.is_masked),
        "renders": render_mode == "rgb_array",
        "renderModes": [str(mode) for mode in modes],
        "framesPerSecond": float(env.metadata.get("render_fps") or 30),
        "maxEpisodeSteps": int(getattr(spec, "max_episode_steps", None) or 0),
        "rewardThreshold": threshold if threshold is not None and np.isfinite(threshold) else None,
    }


def rendering(gymnasium, name):
    """The argument for pictures, where the class says that it draws any."""
    from gymnasium.envs import registration

    try:
        entry = gymnasium.spec(name).entry_point
        creator = entry if callable(entry) else registration.load_env_creator(entry)
        modes = getattr(creator, "metadata", {}).get("render_modes") or []
    except Exception:
        return {}  # Whatever is wrong, make says so.
    return {"render_mode": "rgb_array"} if "rgb_array" in modes else {}


def vectorize(gymnasium, mode, name, count, known):
    """A vector environment and when its copies begin anew: in the same step, in the next one, or when they are told."""
    import inspect

    if mode == "async":
        kind = gymnasium.vector.AsyncVectorEnv
        keywords = {}
        if "autoreset_mode" in inspect.signature(kind.__init__).parameters:
            keywords["autoreset_mode"] = gymnasium.vector.AutoresetMode.SAME_STEP
        env = kind([lambda: gymnasium.make(name, **known)] * count, **keywords)
    elif version_of(gymnasium) < (1, 0):
        raise Refused(f"gymnasium is {gymnasium.__version__}; its vector entry points lose last observations before 1.0")
    else:
        env = gymnasium.make_vec(name, num_envs=count, vectorization_mode="vector_entry_point", **known)
    declared = env.metadata.get("autoreset_mode")
    text = str(getattr(declared, "value", declared)).lower()
    if declared is None:
        return env, "same" if version_of(gymnasium) < (1, 0) else "next"
    return env, "same" if "same" in text else "disabled" if "disabled" in text else "next"


def serve(pipe, made):
    one = getattr(made, "step_one", None)
    receive, write = pipe.receive, pipe.write
    while True:
        data = receive()
        if data is None or data[4] == CLOSE:
            break
        try:
            if data[4] == STEP:
                if one is not None:
                    write(one(data))
                else:
                    pipe.send(*made.step(data))
            elif data[4] == RESET:
                pipe.send(*made.reset(data))
            else:
                picture = np.asarray(made.render(RANGE.unpack_from(data, 5)[0]))
                if picture.ndim != 3 or picture.shape[2] != 3:
                    raise Refused(f"render returned an array of the shape {picture.shape}, not rows of red, green, blue")
                pipe.send(RANGE.pack(*picture.shape[:2]), np.ascontiguousarray(picture, np.uint8).tobytes())
        except Exception as error:
            pipe.fail(error)
    made.close()


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe = Pipe()
    data = pipe.receive()
    if data is None:
        return
    try:
        made, description = make(json.loads(data[4:].decode()))
        body = json.dumps(description).encode()
    except Exception as error:
        pipe.fail(error)
        return
    pipe.send(body)
    serve(pipe, made)


main()
