using System;
using System.Collections.Generic;
using System.Collections.ObjectModel;

namespace Rl.Gymnasium;

/// <summary>How an environment of Gymnasium is made, and the Python that runs it.</summary>
public sealed record GymnasiumOptions
{
    /// <summary>The Python to run, which has gymnasium 0.29 or newer: a name that is looked for in <c>PATH</c>, or a
    /// path, such as <c>.venv/bin/python</c>. What the variable <c>RL_PYTHON</c> says if not given, else
    /// <c>python3</c>, on Windows <c>python</c>.</summary>
    public string Python { get; init; } =
        Environment.GetEnvironmentVariable("RL_PYTHON") is { Length: > 0 } named ? named
        : OperatingSystem.IsWindows() ? "python"
        : "python3";

    /// <summary>The keyword arguments of <c>gymnasium.make</c>, for example <c>["continuous"] = true</c>: texts, truth
    /// values, numbers, null, lists and dictionaries of these.</summary>
    public IReadOnlyDictionary<string, object?> Arguments { get; init; } = ReadOnlyDictionary<string, object?>.Empty;

    /// <summary>The <c>options</c> of <c>reset</c>, of the same values; null for none.</summary>
    public IReadOnlyDictionary<string, object?>? ResetOptions { get; init; }

    /// <summary>Modules of Python to import before the environment is made, those that register it: <c>ale_py</c>, for
    /// example.</summary>
    public IReadOnlyList<string> Imports { get; init; } = [];

    /// <summary>Folders in which Python looks for modules first.</summary>
    public IReadOnlyList<string> ModulePaths { get; init; } = [];

    /// <summary>Variables of Python's environment beside those of this process; null removes one.</summary>
    public IReadOnlyDictionary<string, string?> Variables { get; init; } = ReadOnlyDictionary<string, string?>.Empty;

    /// <summary>The folder that Python runs in; that of this process if null.</summary>
    public string? WorkingDirectory { get; init; }

    /// <summary>Whether images of bytes of the shape [height, width, channels] become [channels, height, width], as
    /// networks of the library take them.</summary>
    public bool ChannelsFirst { get; init; } = true;

    /// <summary>Whether environments that can are made with <c>render_mode="rgb_array"</c>, so that they can be watched
    /// and recorded. An argument <c>render_mode</c> goes before it.</summary>
    public bool Rendering { get; init; } = true;

    /// <summary>The processes of Python among which an agent's copies are shared out; at least 1. They step at the same
    /// time. Results do not depend on it.</summary>
    public int Processes { get; init; } = 1;

    /// <summary>How long an answer to a reset, a step or a picture may take before Python is ended.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long Python may take to import and make the environment.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Receives each line that Python prints, to its standard output or error; from another thread.</summary>
    public Action<string>? Output { get; init; }

    /// <summary>Whether texts among <see cref="Arguments"/> are read as Python's literals where they are any.</summary>
    internal bool AreLiterals { get; init; }

    /// <summary>Refuses values that cannot be.</summary>
    /// <exception cref="ArgumentException">One of them; the message names it and what it may be.</exception>
    public void Validate()
    {
        if (string.IsNullOrWhiteSpace(Python))
        {
            throw new ArgumentException("Python is empty; name a program, such as python3.", nameof(Python));
        }

        ArgumentNullException.ThrowIfNull(Arguments);
        ArgumentNullException.ThrowIfNull(Imports);
        ArgumentNullException.ThrowIfNull(ModulePaths);
        ArgumentNullException.ThrowIfNull(Variables);
        if (Processes < 1)
        {
            throw new ArgumentException($"Processes is {Processes}; it must be at least 1.", nameof(Processes));
        }

        RequireTime(Timeout, nameof(Timeout));
        RequireTime(StartTimeout, nameof(StartTimeout));
    }

    private static void RequireTime(TimeSpan time, string name)
    {
        if (time <= TimeSpan.Zero && time != System.Threading.Timeout.InfiniteTimeSpan)
        {
            throw new ArgumentException(
                $"{name} is {time}; it must be longer than nothing, or Timeout.InfiniteTimeSpan for no end.", name);
        }
    }
}
