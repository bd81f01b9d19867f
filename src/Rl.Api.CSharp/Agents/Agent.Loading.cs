using System;
using System.IO;
using System.Linq;
using Rl.Core.Algorithms;
using Rl.Core.Environments;
using Rl.Core.Foundations;
using Rl.Core.Training;
using Rl.Internal;

namespace Rl;

/// <content>Loading: agents from files.</content>
public sealed partial class Agent
{
    /// <summary>Reads an agent. In an environment of the library it goes on training as if it had never stopped, bit for bit; one that was trained in an environment of your own can predict, and evaluates and trains when you load it with that.</summary>
    /// <param name="path">A file that <see cref="Save"/> or <c>rl train</c> wrote.</param>
    /// <param name="threads">Threads that train; 0 for one a processor core.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is empty, cut, damaged, of another kind or of a newer version; the message says which, and what to do.</exception>
    public static Agent Load(string path, int threads = 0)
    {
        var checkpoint = Read(path);
        var environment = EnvironmentSource.Find(checkpoint.EnvironmentId, Convert.Notes(checkpoint));
        return Load(path, checkpoint, environment is null ? null : EnvironmentSource.Of(environment), threads);
    }

    /// <summary>Reads an agent to evaluate and train it in an environment of the library with the same spaces. In the one that it was trained in it goes on as if it had never stopped, bit for bit.</summary>
    /// <param name="path">A file that <see cref="Save"/> or <c>rl train</c> wrote.</param>
    /// <param name="environment">The environment.</param>
    /// <param name="threads">Threads that train; 0 for one a processor core.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is empty, cut, damaged, of another kind or of a newer version.</exception>
    /// <exception cref="ArgumentException">The environment has other spaces; the message names both.</exception>
    public static Agent Load(string path, BuiltInEnvironment environment, int threads = 0) =>
        Load(path, Read(path), EnvironmentSource.Of(environment), threads);

    /// <summary>Reads an agent to evaluate and train it in an environment of your own with the same spaces; training goes on with new episodes.</summary>
    /// <param name="path">A file that <see cref="Save"/> or <c>rl train</c> wrote.</param>
    /// <param name="environment">Makes a copy each time it is called.</param>
    /// <param name="threads">Threads that train; 0 for one a processor core.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is empty, cut, damaged, of another kind or of a newer version.</exception>
    /// <exception cref="ArgumentException">The environment has other spaces; the message names both.</exception>
    public static Agent Load(string path, Func<IEnvironment> environment, int threads = 0) =>
        Load(path, Read(path), EnvironmentSource.Of(environment), threads);

    /// <summary>Reads an agent to evaluate and train it in an environment of the library within wrappers. It must be given where a wrapper has a function of yours, which no file holds.</summary>
    /// <param name="path">A file that <see cref="Save"/> or <c>rl train</c> wrote.</param>
    /// <param name="environment">The environment.</param>
    /// <param name="threads">Threads that train; 0 for one a processor core.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is empty, cut, damaged, of another kind or of a newer version.</exception>
    /// <exception cref="ArgumentException">The environment has other spaces or other wrappers that learn; the message names both.</exception>
    public static Agent Load(string path, WrappedEnvironment environment, int threads = 0) =>
        Load(path, Read(path), EnvironmentSource.Of(environment), threads);

    private static Checkpoint Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return CheckpointModule.load(path);
    }

    private static Agent Load(string path, Checkpoint checkpoint, EnvironmentSource? source, int threads)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threads, 1024);
        var options = OptionsOf(path, checkpoint) with { EnvironmentCopies = checkpoint.State.Environments.Count, Threads = threads };
        var state = checkpoint.State;
        var environmentId = checkpoint.EnvironmentId;
        var wrapping = checkpoint.Wrapping;
        if (source is not null)
        {
            source = source.Within(Convert.IsComplete(wrapping) ? Convert.Wrappers(wrapping) : []);
            var batch = source.Create(options.EnvironmentCopies);
            RequireFunctions(path, wrapping, batch);
            RequireSpaces(path, checkpoint, batch);
            environmentId = batch.Id;
            wrapping = WrappingModule.ofBatch(batch);
            if (batch.Id != checkpoint.EnvironmentId || !Convert.HasWrappersOf(batch, state.Environments))
            {
                state = TrainingStateModule.startAnew(batch, state);
            }
        }
        else
        {
            RequireFunctions(path, wrapping, null);
        }

        return new(options, source, environmentId, checkpoint.Seed, checkpoint.Policy, wrapping, state, null, null);
    }

    private static AgentOptions OptionsOf(string path, Checkpoint checkpoint)
    {
        if (!Algorithms.All.Any(algorithm => algorithm.Id == checkpoint.Algorithm))
        {
            throw new InvalidDataException(
                $"{path} was trained with the algorithm \"{checkpoint.Algorithm}\", which neither the library has nor a registered assembly. Register yours first (Plugin.Load; rl: --plugin), or use a newer version of the library.");
        }

        try
        {
            return Algorithms.Options(checkpoint.Algorithm, Convert.Settings(checkpoint));
        }
        catch (ArgumentException error)
        {
            throw new InvalidDataException($"{path} has options that this library does not read: {error.Message} Use a newer version of the library.", error);
        }
    }

    private static void RequireFunctions(string path, Wrapping wrapping, BatchEnvironment? environment)
    {
        if (!Convert.IsComplete(wrapping) && (environment is null || environment.Wrappers.IsEmpty))
        {
            throw new ArgumentException(
                $"{path} holds an agent that was trained within {string.Join(", ", wrapping.Wrappers)}; no file holds a function of yours. "
                + "Load it with the environment and its wrappers, as it was trained.",
                nameof(environment));
        }
    }

    private static void RequireSpaces(string path, Checkpoint checkpoint, BatchEnvironment environment)
    {
        if (!checkpoint.ObservationSpace.Equals(environment.ObservationSpace) || !checkpoint.ActionSpace.Equals(environment.ActionSpace))
        {
            throw new ArgumentException(
                $"{path} holds an agent for observations {checkpoint.ObservationSpace} and actions {checkpoint.ActionSpace} ({checkpoint.EnvironmentId}); "
                + $"{environment.Id} has observations {environment.ObservationSpace} and actions {environment.ActionSpace}. Use an environment with the same spaces.",
                nameof(environment));
        }
    }
}
