"""Environments by id: those of the module fakes."""
import importlib


class NameNotFound(Exception):
    """There is no such id."""


class Spec:
    """What is registered."""

    def __init__(self, name, entry_point, vector_entry_point=None, max_episode_steps=None, reward_threshold=None):
        self.id, self.entry_point, self.vector_entry_point = name, entry_point, vector_entry_point
        self.max_episode_steps, self.reward_threshold = max_episode_steps, reward_threshold


def find(name):
    import fakes

    if name not in fakes.SPECS:
        raise NameNotFound(f"Environment `{name}` doesn't exist.")
    return fakes.SPECS[name]


def load_env_creator(entry_point):
    if callable(entry_point):
        return entry_point
    module, name = entry_point.split(":")
    return getattr(importlib.import_module(module), name)
