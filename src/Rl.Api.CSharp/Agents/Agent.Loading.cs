using System;
using System.IO;
using System.Linq;
using Rl.Core.Environments;
using Rl.Core.Learning;
using Rl.Core.Training;
using Rl.Internal;

namespace Rl;

/// <content>Loading: agents from files.</content>
public sealed partial class Agent
{
    /// <summary>Copies that are small together, whatever they are.</summary>
    private const int FewCopies = 64;

    /// <summary>Reads an agent. In an environment of the library it goes on training as if it had never stopped, bit
    /// for bit; one that was trained in an environment of your own can predict, and evaluates and trains when you load
    /// it with that.</summary>
    /// <param name="path">A file that <see cref="Save"/> or <c>rl train</c> wrote.</param>
    /// <param name="threads">Threads that train; 0 for one a processor core.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is empty, cut, damaged, of another kind or of a newer version;
    /// the message says which, and what to do.</exception>
    public static Agent Load(string path, int threads = 0)
    {
        var checkpoint = Read(path);
        return Refused(path, () =>
        {
            var notes = Convert.Notes(checkpoint);
            if (EnvironmentSource.IsOfData(notes))
            {
                var spaces = EnvironmentSource.OfData(checkpoint.ObservationSpace, checkpoint.ActionSpace);
                return Load(path, checkpoint, spaces, threads);
            }

            var environment = EnvironmentSource.Find(checkpoint.EnvironmentId, notes);
            return Load(path, checkpoint, environment is null ? null : EnvironmentSource.Of(environment), threads);
        });
    }

    /// <summary>Reads an agent to evaluate and train it in an environment with the same spaces: one of the library,
    /// with wrappers or without, or one of your own that is an <see cref="ICloneableEnvironment"/>. In the environment
    /// of the library that it was trained in it goes on as if it had never stopped, bit for bit. Wrappers must be given
    /// where one has a function of yours, which no file holds.</summary>
    /// <param name="path">A file that <see cref="Save"/> or <c>rl train</c> wrote.</param>
    /// <param name="environment">The environment.</param>
    /// <param name="threads">Threads that train; 0 for one a processor core.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is empty, cut, damaged, of another kind or of a newer
    /// version.</exception>
    /// <exception cref="ArgumentException">The environment has other spaces or other wrappers that learn, and the
    /// message names both; or the wrappers of the training do not fit it.</exception>
    public static Agent Load(string path, IEnvironment environment, int threads = 0) =>
        Load(path, Read(path), EnvironmentSource.Of(environment), threads);

    /// <summary>Reads an agent to evaluate and train it in an environment of your own with the same spaces; training
    /// goes on with new episodes.</summary>
    /// <param name="path">A file that <see cref="Save"/> or <c>rl train</c> wrote.</param>
    /// <param name="environment">Makes a copy each time it is called.</param>
    /// <param name="threads">Threads that train; 0 for one a processor core.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is empty, cut, damaged, of another kind or of a newer
    /// version.</exception>
    /// <exception cref="ArgumentException">The environment has other spaces, and the message names both; or the
    /// wrappers of the training do not fit it.</exception>
    public static Agent Load(string path, Func<IEnvironment> environment, int threads = 0) =>
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
        var state = checkpoint.State;
        var options = OptionsOf(path, checkpoint, state.Environments.Count) with { Threads = threads };
        var environmentId = checkpoint.EnvironmentId;
        var wrapping = checkpoint.Wrapping;
        var facts = ActingNotes.Read(Convert.Notes(checkpoint));
        BatchEnvironment? copies = null;
        if (source is not null)
        {
            RequireBareSpaces(path, checkpoint, source);
            source = source.Within(Convert.IsComplete(wrapping) ? Convert.Wrappers(wrapping) : []);
            RequireCopies(path, checkpoint, source);
            var one = source.Create(1);
            try
            {
                RequireFunctions(path, wrapping, one);
                RequireSpaces(path, checkpoint, one);
                environmentId = one.Id;
                wrapping = WrappingModule.ofBatch(one);
                facts = new(one.Innermost.MaxEpisodeSteps, facts.HasActionMasks || one.HasActionMasks);
                if (one.Id != checkpoint.EnvironmentId || !Convert.HasWrappersOf(one, state.Environments))
                {
                    copies = source.Create(options.EnvironmentCopies);
                    state = TrainingStateModule.startAnew(copies, state);
                }
                else if (source.IsBuiltIn)
                {
                    RequireEpisodes(path, source.Create(options.EnvironmentCopies), state.Environments);
                }
            }
            catch
            {
                copies?.Release();
                throw;
            }
            finally
            {
                one.Release();
            }
        }
        else
        {
            RequireFunctions(path, wrapping, null);
        }

        return new(
            options,
            source,
            environmentId,
            checkpoint.Seed,
            checkpoint.Policy,
            wrapping,
            facts,
            state,
            copies,
            null,
            null)
        {
            loaded = (path, checkpoint),
        };
    }

    /// <summary>What a file alone has asked for and cannot be is a fault of the file.</summary>
    private static Agent Refused(string path, Func<Agent> load)
    {
        try
        {
            return load();
        }
        catch (ArgumentException error) when (error.ParamName is not ("threads" or "environment"))
        {
            throw new InvalidDataException(
                $"{path} is a damaged agent file: {error.Message} Use another copy or an earlier checkpoint.",
                error);
        }
    }

    /// <summary>Refuses another environment before wrappers make something large of it.</summary>
    private static void RequireBareSpaces(string path, Checkpoint checkpoint, EnvironmentSource environment)
    {
        if (environment.Bare is { } bare
            && (!checkpoint.Wrapping.ObservationSpace.Equals(bare.ObservationSpace)
                || !checkpoint.Wrapping.ActionSpace.Equals(bare.ActionSpace)))
        {
            throw new ArgumentException(
                $"{path} holds an agent for an environment with observations {checkpoint.Wrapping.ObservationSpace} "
                + $"and actions {checkpoint.Wrapping.ActionSpace} ({checkpoint.EnvironmentId}); "
                + $"{bare.Id} has observations {bare.ObservationSpace} and actions {bare.ActionSpace}. "
                + "Use an environment with the same spaces.",
                nameof(environment));
        }
    }

    /// <summary>Refuses a file that asks for many copies and holds the episodes of others: copies may be
    /// large.</summary>
    private static void RequireCopies(string path, Checkpoint checkpoint, EnvironmentSource environment)
    {
        var snapshot = checkpoint.State.Environments;
        if (!environment.IsBuiltIn || snapshot.Count <= FewCopies)
        {
            return;
        }

        var (one, two) = (environment.Create(1), environment.Create(2));
        if (one.Id == checkpoint.EnvironmentId && Convert.HasWrappersOf(one, snapshot))
        {
            var (first, both) = (Convert.SnapshotBytes(one), Convert.SnapshotBytes(two));
            var expected = first + ((snapshot.Count - 1L) * (both - first));
            if (snapshot.Bytes.Length != expected)
            {
                throw new InvalidDataException(
                    $"{path} is a damaged agent file: its {snapshot.Count} copies of {one.Id} "
                    + $"have {snapshot.Bytes.Length} bytes instead of {expected}. "
                    + "Use another copy or an earlier checkpoint.");
            }
        }
    }

    /// <summary>Takes up the episodes of a file in copies that are thrown away, and goes a step on: what cannot be must
    /// show now, not in training.</summary>
    private static void RequireEpisodes(string path, BatchEnvironment batch, BatchSnapshot snapshot)
    {
        try
        {
            batch.Restore(snapshot);
            Convert.Step(batch);
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            throw new InvalidDataException(
                $"{path} is a damaged agent file: its episodes of {batch.Id} cannot go on: {error.Message} "
                + "Use another copy or an earlier checkpoint.",
                error);
        }
    }

    private static AgentOptions OptionsOf(string path, Checkpoint checkpoint, int copies)
    {
        if (!Algorithms.All.Any(algorithm => algorithm.Id == checkpoint.Algorithm))
        {
            throw new InvalidDataException(
                $"{path} was trained with the algorithm \"{checkpoint.Algorithm}\", "
                + "which neither the library has nor a registered assembly. "
                + "Register yours first (Plugin.Load, or PolicyLoss.Register or ValueLoss.Register for a loss; "
                + "rl: --plugin), "
                + "or use a newer version of the library.");
        }

        try
        {
            var options = Algorithms.Options(checkpoint.Algorithm, Convert.Settings(checkpoint)) with
            {
                EnvironmentCopies = copies,
                Threads = 0,
            };
            options.Validate();
            return options;
        }
        catch (ArgumentException error)
        {
            throw new InvalidDataException(
                $"{path} has options that this library does not read: {error.Message} "
                + "Use a newer version of the library.",
                error);
        }
    }

    internal static void RequireFunctions(string path, Wrapping wrapping, BatchEnvironment? environment)
    {
        if (!Convert.IsComplete(wrapping) && (environment is null || environment.Wrappers.IsEmpty))
        {
            throw new ArgumentException(
                $"{path} holds an agent that was trained within {string.Join(", ", wrapping.Wrappers)}; "
                + "no file holds a function of yours. "
                + "Load it with the environment and its wrappers, as it was trained.",
                nameof(environment));
        }
    }

    private static void RequireSpaces(string path, Checkpoint checkpoint, BatchEnvironment environment)
    {
        if (!checkpoint.ObservationSpace.Equals(environment.ObservationSpace)
            || !checkpoint.ActionSpace.Equals(environment.ActionSpace))
        {
            throw new ArgumentException(
                $"{path} holds an agent for observations {checkpoint.ObservationSpace} "
                + $"and actions {checkpoint.ActionSpace} ({checkpoint.EnvironmentId}); {environment.Id} "
                + $"has observations {environment.ObservationSpace} and actions {environment.ActionSpace}. "
                + "Use an environment with the same spaces.",
                nameof(environment));
        }
    }
}
