#!/usr/bin/env python3
"""PyTorch's time for a decision of PETS on the cart-pole's swing-up: the figure beside ours, in the same minutes.

    apt-get install -y --no-install-recommends python3-torch python3-numpy libopenblas0-pthread
    OMP_NUM_THREADS=1 /usr/bin/python3 bench/Peers/pets_planning.py
    dotnet run -c Release --project bench -- quick --only model_planning

Cross-entropy method, 5 iterations of 350 sequences of 15 actions, each judged by the mean return of 20 imagined
trajectories (TS-infinity): 7,000 rows in equal parts of the five elite members of an ensemble of Gaussian networks (4x200 and
2x64, SiLU, ln variance within soft bounds), whose layers are one batched product for all members. Inputs are normalised,
targets are differences, rewards are the task's known ones. One thread, float32, inference mode. All rows of a step go at
once: blocks of 100 to 700 rows a member, which fit a smaller cache, were no faster. Prints decisions a second: the median and
the best of single decisions in 7 seconds, as ours are the best of single ones.
"""
import math
import os
import statistics
import sys
import time

# Debian's OpenBLAS 0.3.21 does not know newer processors and falls back to SSE3: unfair to PyTorch, so name one it knows.
# PyTorch itself takes AVX2 unless it is asked, which is slower here for everything but products.
if "avx512f" in open("/proc/cpuinfo").read():
    os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")
    os.environ.setdefault("ATEN_CPU_CAPABILITY", "avx512")

import torch
import torch.nn.functional as F

torch.set_num_threads(1)

MEMBERS, OBSERVATIONS, ACTIONS = 5, 5, 1
ITERATIONS, POPULATION, HORIZON, PARTICLES, ELITES = 5, 350, 15, 20, 35
LENGTH = 0.6


class Ensemble:
    """Gaussian networks side by side: [member, rows, inputs] to means and deviations."""

    def __init__(self, hidden):
        sizes = [OBSERVATIONS + ACTIONS, *hidden, 2 * OBSERVATIONS]
        self.layers = [
            (torch.randn(MEMBERS, inputs, outputs) / (2.0 * math.sqrt(inputs)), torch.zeros(MEMBERS, 1, outputs))
            for inputs, outputs in zip(sizes, sizes[1:])
        ]
        self.least = torch.full((MEMBERS, 1, OBSERVATIONS), -10.0)
        self.largest = torch.full((MEMBERS, 1, OBSERVATIONS), 0.5)
        self.mean, self.scale = torch.zeros(OBSERVATIONS + ACTIONS), torch.ones(OBSERVATIONS + ACTIONS)

    def step(self, states, actions):
        x = (torch.cat([states, actions], 2) - self.mean) / self.scale
        for weight, bias in self.layers[:-1]:
            x = F.silu(torch.baddbmm(bias, x, weight), inplace=True)
        weight, bias = self.layers[-1]
        y = torch.baddbmm(bias, x, weight)
        mean, raw = y[..., :OBSERVATIONS], y[..., OBSERVATIONS:]
        bounded = self.largest - F.softplus(self.largest - raw)
        bounded = self.least + F.softplus(bounded - self.least)
        return states + mean + torch.exp(0.5 * bounded) * torch.randn_like(mean)


def rewards(states, actions):
    """mbrl-lib's: the tip's distance from where it stands upright over the middle, and the action."""
    aside = states[..., 0] + LENGTH * states[..., 2]
    below = LENGTH * (states[..., 1] - 1.0)
    given = actions[..., 0].clamp(-3.0, 3.0)
    return torch.exp(-(aside * aside + below * below) / (LENGTH * LENGTH)) - 0.01 * given * given


def returns(ensemble, start, sequences):
    """Mean returns of sequences [population, horizon, actions]."""
    rows = POPULATION * PARTICLES
    # Each particle stays with its member: rows are dealt once.
    dealt = torch.randperm(rows)
    given = sequences.repeat_interleave(PARTICLES, 0)[dealt].view(MEMBERS, -1, HORIZON, ACTIONS)
    states = start.expand(MEMBERS, rows // MEMBERS, OBSERVATIONS)
    total = torch.zeros(MEMBERS, rows // MEMBERS)
    for t in range(HORIZON):
        actions = given[:, :, t]
        states = ensemble.step(states, actions)
        total += rewards(states, actions)
    back = torch.empty(rows)
    back[dealt] = total.view(-1)
    return back.view(POPULATION, PARTICLES).mean(1)


def decide(ensemble, start):
    mean, deviation = torch.zeros(HORIZON, ACTIONS), torch.full((HORIZON, ACTIONS), 1.5)
    for _ in range(ITERATIONS):
        sequences = (mean + deviation * torch.randn(POPULATION, HORIZON, ACTIONS)).clamp(-3.0, 3.0)
        best = returns(ensemble, start, sequences).topk(ELITES).indices
        mean = 0.1 * mean + 0.9 * sequences[best].mean(0)
        deviation = 0.1 * deviation + 0.9 * sequences[best].std(0)
    return mean[0]


def main():
    print(f"torch {torch.__version__}, {torch.get_num_threads()} thread, {os.environ.get('OPENBLAS_CORETYPE', 'default')}")
    start = torch.tensor([0.0, -1.0, 0.0, 0.0, 0.0])
    with torch.inference_mode():
        for name, hidden in (("4x200", [200] * 4), ("2x64", [64] * 2)):
            if len(sys.argv) > 1 and name not in sys.argv[1:]:
                continue
            ensemble = Ensemble(hidden)
            decide(ensemble, start)
            rates = []
            until = time.perf_counter() + 7.0
            while len(rates) < 5 or time.perf_counter() < until:
                begun = time.perf_counter()
                decide(ensemble, start)
                rates.append(1.0 / (time.perf_counter() - begun))
            print(f"pets_planning_{name}: {statistics.median(rates):.2f} decisions/s, best {max(rates):.2f}")


if __name__ == "__main__":
    main()
