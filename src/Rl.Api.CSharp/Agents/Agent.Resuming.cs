using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Rl.Core.Training;
using Rl.Internal;

namespace Rl;

/// <content>Going on across starts of a program: an agent from its file if there is one, else a new one.</content>
public sealed partial class Agent
{
    /// <summary>The agent of a file, which goes on training where it was, or a new one where there is no such file yet:
    /// what a program says at each of its starts. <see cref="Steps"/> tells which; nothing is written.</summary>
    /// <param name="path">A file that <see cref="Save"/>, <see cref="Checkpoints"/> or <c>rl train</c> wrote, or will
    /// write.</param>
    /// <param name="options">The options of a new agent. Those of the file must be the same but for
    /// <see cref="AgentOptions.TotalSteps"/> and <see cref="AgentOptions.Threads"/>, which are taken from
    /// here.</param>
    /// <param name="environment">An environment of the library, with wrappers or without, or one of your own that is an
    /// <see cref="ICloneableEnvironment"/>.</param>
    /// <param name="seed">Where all randomness of a new agent comes from. The agent of a file goes on with its own
    /// seed, whatever this one is: <see cref="Seed"/> tells it.</param>
    /// <exception cref="ArgumentException">An option is out of its range; or the file's agent is of another algorithm,
    /// other options or other spaces: the message names both, and what to do.</exception>
    /// <exception cref="InvalidDataException">The file is empty, cut, damaged, of another kind or of a newer
    /// version.</exception>
    public static Agent LoadOrCreate(string path, AgentOptions options, IEnvironment environment, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(options);
        return LoadOrCreate(path, options, EnvironmentSource.Of(environment), seed);
    }

    /// <summary>As <see cref="LoadOrCreate(string, AgentOptions, IEnvironment, ulong)"/>, for an environment of your
    /// own; training goes on with new episodes.</summary>
    /// <param name="path">A file that was written, or will be.</param>
    /// <param name="options">The options of a new agent, and those that the file's must have.</param>
    /// <param name="environment">Makes a copy each time it is called.</param>
    /// <param name="seed">Where all randomness of a new agent comes from; the agent of a file keeps its own.</param>
    /// <exception cref="ArgumentException">An option is out of its range; or the file's agent is of another algorithm,
    /// other options or other spaces: the message names both, and what to do.</exception>
    /// <exception cref="InvalidDataException">The file is empty, cut, damaged, of another kind or of a newer
    /// version.</exception>
    public static Agent LoadOrCreate(string path, AgentOptions options, Func<IEnvironment> environment, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(options);
        return LoadOrCreate(path, options, EnvironmentSource.Of(environment), seed);
    }

    private static Agent LoadOrCreate(string path, AgentOptions options, EnvironmentSource source, ulong seed)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        if (!File.Exists(path))
        {
            return Directory.Exists(path)
                ? throw new ArgumentException($"{path} is a folder; name a file in it, such as agent.rl.", nameof(path))
                : Create(options, source, seed);
        }

        var checkpoint = Read(path);
        RequireAlgorithm(path, checkpoint, options);
        var agent = Load(path, checkpoint, source, options.Threads);
        try
        {
            RequireOptions(path, agent.Options, options);
            agent.Options = agent.Options.WithTotalSteps(options.TotalSteps);
            agent.DropLearner();
            return agent;
        }
        catch
        {
            agent.Dispose();
            throw;
        }
    }

    private static void RequireAlgorithm(string path, Checkpoint checkpoint, AgentOptions options)
    {
        if (checkpoint.Algorithm != options.Algorithm)
        {
            throw new ArgumentException(
                $"{path} holds an agent of {checkpoint.Algorithm}, and the options are of {options.Algorithm}. Name "
                    + "another file for it, or delete this one to begin anew.",
                nameof(options));
        }
    }

    private static void RequireOptions(string path, AgentOptions known, AgentOptions options)
    {
        string[] free = [nameof(AgentOptions.TotalSteps), nameof(AgentOptions.Threads)];
        var (before, now) = (Settings(known), Settings(options));
        string[] differing =
        [
            .. now.Keys.Except(free)
                .Where(name => before.GetValueOrDefault(name) != now[name])
                .Select(name => $"{name} is {before.GetValueOrDefault(name, "not known")} there and {now[name]} here"),
        ];
        if (differing.Length > 0)
        {
            throw new ArgumentException(
                $"{path} holds an agent that was trained with other options: {string.Join("; ", differing)}. Give the "
                    + "file's options, load it with Agent.Load, which takes them, or delete it to begin anew.",
                nameof(options));
        }

        static Dictionary<string, string> Settings(AgentOptions of) =>
            of.ToSettings()
                .Append(KeyValuePair.Create(nameof(of.EnvironmentCopies), Convert.Text(of.EnvironmentCopies)))
                .DistinctBy(setting => setting.Key)
                .ToDictionary();
    }
}
