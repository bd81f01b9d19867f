using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Threading;
using Rl.Core.Environments;

namespace Rl.Internal;

/// <summary>Where an agent's copies of an environment come from: the library's registry, or a user's factory.</summary>
internal abstract class EnvironmentSource
{
    private const string Kind = "environment.kind";
    private const string Limit = "environment.maxEpisodeSteps";
    private const string Option = "environment.option.";

    /// <summary>A batch of copies, which belongs to the caller: release it.</summary>
    public abstract BatchEnvironment Create(int copies);

    /// <summary>Whether the library steps it itself, without code of a user's.</summary>
    public virtual bool IsBuiltIn => false;

    /// <summary>Whether there are the spaces of recorded data alone.</summary>
    public virtual bool IsData => false;

    /// <summary>One copy of an environment of the library that comes without wrappers, for its spaces; null for
    /// others.</summary>
    public virtual BatchEnvironment? Bare => null;

    /// <summary>What a file must hold to find the environment again.</summary>
    public abstract IEnumerable<KeyValuePair<string, string>> Notes { get; }

    /// <summary>Copies of an environment: of the library, within wrappers, or a user's that clones itself.</summary>
    public static EnvironmentSource Of(IEnvironment environment)
    {
        ArgumentNullException.ThrowIfNull(environment);
        return environment switch
        {
            BuiltInEnvironment builtIn => new BuiltIn(builtIn),
            WrappedEnvironment wrapped => new Wrapped(Of(wrapped.Inner), wrapped.CoreWrappers),
            ICloneableEnvironment cloneable => new Custom(cloneable.Clone),
            IVectorizableEnvironment vectorizable => new Custom(vectorizable.Another),
            _ => throw new ArgumentException(
                $"{environment.Name} is one environment of your own, and an agent needs copies: give a factory, such "
                    + $"as () => new {environment.GetType().Name}(), or implement ICloneableEnvironment.",
                nameof(environment)),
        };
    }

    /// <summary>A batch of one copy, the environment itself, which stays its maker's.</summary>
    public static BatchEnvironment BatchOf(IEnvironment environment) =>
        environment is BuiltInEnvironment builtIn ? builtIn.Vectorise(1) : BatchOf([environment]);

    public static EnvironmentSource Of(Func<IEnvironment> factory)
    {
        ArgumentNullException.ThrowIfNull(factory);
        return new Custom(factory);
    }

    /// <summary>The spaces of recorded data, which cannot be stepped.</summary>
    public static EnvironmentSource OfData(Core.Environments.Space observations, Core.Environments.Space actions) =>
        new Data(observations, actions);

    /// <summary>Whether notes are those of an agent that was made from recorded data alone.</summary>
    public static bool IsOfData(IReadOnlyList<KeyValuePair<string, string>> notes) =>
        notes.Any(note => note.Key == Kind && note.Value == "data");

    /// <summary>A batch of copies of a registered class, with a time limit instead of its own.</summary>
    public static BatchEnvironment BatchOf(string id, Func<IEnvironment> factory, int copies, int maxEpisodeSteps)
    {
        var instances = Enumerable.Range(0, copies).Select(_ => factory()).ToArray();
        return new External(
            id,
            instances[0].RewardThreshold,
            copies,
            copy => EnvironmentAdapter.Of(instances[copy], maxEpisodeSteps),
            TimeoutOf(instances[0]));
    }

    /// <summary>The same environments within wrappers, if they have none of their own.</summary>
    public virtual EnvironmentSource Within(IReadOnlyList<Core.Wrappers.Wrapper> wrappers) =>
        wrappers.Count == 0 ? this : new Wrapped(this, wrappers);

    /// <summary>The environment that notes describe; null when it is a user's own.</summary>
    public static BuiltInEnvironment? Find(string id, IReadOnlyList<KeyValuePair<string, string>> notes)
    {
        var found = notes.ToDictionary(note => note.Key, note => note.Value);
        if (found.GetValueOrDefault(Kind) != "registry"
            || !(Environments.Ids.Contains(id) || EnvironmentFamilies.Knows(id)))
        {
            return null;
        }

        var options = found.Where(note => note.Key.StartsWith(Option, StringComparison.Ordinal))
            .Select(note => (note.Key[Option.Length..], note.Value));
        var environment = Environments.Make(id, options);
        return int.TryParse(found.GetValueOrDefault(Limit), CultureInfo.InvariantCulture, out var limit)
            ? environment.WithMaxEpisodeSteps(limit)
            : environment;
    }

    private sealed class BuiltIn(BuiltInEnvironment environment) : EnvironmentSource
    {
        public override IEnumerable<KeyValuePair<string, string>> Notes =>
        [
            new(Kind, "registry"),
            new(Limit, Convert.Text(environment.MaxEpisodeSteps)),
            .. environment.Options.Select(option => KeyValuePair.Create(Option + option.Key, option.Value)),
        ];

        public override BatchEnvironment Create(int copies) => environment.Vectorise(copies);

        public override bool IsBuiltIn => true;

        public override BatchEnvironment Bare => environment.Vectorise(1);
    }

    private sealed class Data(Core.Environments.Space observations, Core.Environments.Space actions) : EnvironmentSource
    {
        public override IEnumerable<KeyValuePair<string, string>> Notes => [new(Kind, "data")];

        public override bool IsData => true;

        public override BatchEnvironment Create(int copies) => Convert.Spaces(observations, actions);
    }

    private static External BatchOf(IReadOnlyList<IEnvironment> instances) =>
        new(
            instances[0].Name
                ?? throw new ArgumentException(
                    $"The Name of a {instances[0].GetType().Name} is null; it must be a text."),
            instances[0].RewardThreshold,
            instances.Count,
            copy => EnvironmentAdapter.Of(instances[copy], null),
            TimeoutOf(instances[0]));

    /// <summary>How long a step may take; a time that no timer counts is for ever.</summary>
    private static TimeSpan TimeoutOf(IEnvironment environment) =>
        Abilities.Of<ITimedEnvironment>(environment)?.Timeout is { } timeout && timeout.TotalMilliseconds < int.MaxValue
            ? timeout
            : Timeout.InfiniteTimeSpan;

    private sealed class Wrapped(
        EnvironmentSource inner, IReadOnlyList<Core.Wrappers.Wrapper> wrappers) : EnvironmentSource
    {
        public override IEnumerable<KeyValuePair<string, string>> Notes => inner.Notes;

        public override bool IsBuiltIn => inner.IsBuiltIn && !Convert.HasFunctions(wrappers);

        public override BatchEnvironment Create(int copies)
        {
            var batch = inner.Create(copies);
            try
            {
                // The copies of a factory may bring wrappers of their own.
                return batch.Wrappers.IsEmpty ? Convert.Wrap(batch, wrappers) : batch;
            }
            catch
            {
                batch.Release();
                throw;
            }
        }

        public override EnvironmentSource Within(IReadOnlyList<Core.Wrappers.Wrapper> others) => this;
    }

    private sealed class Custom(Func<IEnvironment> factory) : EnvironmentSource
    {
        public override IEnumerable<KeyValuePair<string, string>> Notes => [new(Kind, "custom")];

        public override BatchEnvironment Create(int copies)
        {
            var made = new List<IEnvironment>(copies);
            try
            {
                made.Add(Instance());
                if (copies > 1 && WithoutWrappers(made[0]) is IVectorizableEnvironment vectorizable)
                {
                    return Together(made[0], vectorizable, copies);
                }

                for (var copy = 1; copy < copies; copy++)
                {
                    made.Add(Instance());
                }

                return BatchOf(made);
            }
            catch
            {
                made.ForEach(Abilities.Dispose);
                throw;
            }
        }

        /// <summary>Copies that are stepped together, of one that is no longer needed then.</summary>
        private static BatchEnvironment Together(
            IEnvironment made, IVectorizableEnvironment environment, int copies)
        {
            var batch = new ExternalBatch(
                environment.Name, environment.RewardThreshold, copies, new VectorAdapter(environment, copies, null));
            try
            {
                return Convert.Wrap(batch, WrappersOf(made));
            }
            catch
            {
                batch.Release();
                throw;
            }
            finally
            {
                Abilities.Dispose(made);
            }
        }

        private static IEnvironment WithoutWrappers(IEnvironment environment) =>
            environment is WrappedEnvironment wrapped ? wrapped.Inner : environment;

        private static BatchEnvironment BatchOf(List<IEnvironment> made)
        {
            var copies = made.Count;
            var instances = made.Select(WithoutWrappers).ToArray();
            if (copies > 1 && instances.Distinct(ReferenceEqualityComparer.Instance).Count() < copies)
            {
                throw new ArgumentException(
                    "The factory returned the same environment twice; it must make a new "
                        + "one each time, such as () => new MyEnvironment().");
            }

            var wrappers = WrappersOf(made[0]);
            if (made.Any(instance => !WrappersOf(instance).SequenceEqual(wrappers)))
            {
                throw new ArgumentException(
                    "The factory returned environments within different wrappers; wrap them all in the same way.");
            }

            return Convert.Wrap(EnvironmentSource.BatchOf(instances), wrappers);
        }

        private static IReadOnlyList<Core.Wrappers.Wrapper> WrappersOf(IEnvironment environment) =>
            environment is WrappedEnvironment wrapped ? wrapped.CoreWrappers : [];

        private IEnvironment Instance() =>
            factory() ?? throw new ArgumentException("The factory returned null; it must make an environment.");
    }

    /// <summary>A user's environment as the core sees it. To dispose of it disposes of the user's.</summary>
    private class EnvironmentAdapter(IEnvironment environment, int? maxEpisodeSteps)
        : Core.Environments.IMaskedEnvironment,
            Core.Environments.IGoalEnvironment,
            IMutableRenderable,
            IMutableBlowups,
            IDisposable
    {
        private readonly IMaskedEnvironment? masked = Abilities.Masked(environment);
        private readonly IGoalEnvironment? goals = Abilities.Goals(environment);
        private readonly IRenderable? view = Abilities.Of<IRenderable>(environment);
        private readonly IBlowupEnvironment? simulation = Abilities.Of<IBlowupEnvironment>(environment);

        public void Dispose() => Abilities.Dispose(environment);

        public static EnvironmentAdapter Of(IEnvironment environment, int? maxEpisodeSteps) =>
            environment is ICloneableEnvironment cloneable
                ? new CloneableAdapter(cloneable, maxEpisodeSteps)
                : new EnvironmentAdapter(environment, maxEpisodeSteps);

        public bool HasActionMask => masked is not null;

        public void ActionMask(Span<bool> mask) => masked!.ActionMask(mask);

        public bool HasGoals => goals is not null;

        public double ComputeReward(ReadOnlySpan<float> achieved, ReadOnlySpan<float> desired) =>
            goals!.ComputeReward(achieved, desired);

        public bool ComputeTerminated(ReadOnlySpan<float> achieved, ReadOnlySpan<float> desired) =>
            goals!.ComputeTerminated(achieved, desired);

        public bool HasBlownUp => simulation is { HasBlownUp: true };

        public bool CanRender => view is not null;

        public double FramesPerSecond => view!.FramesPerSecond is > 0 and < double.PositiveInfinity and var rate
            ? rate
            : throw new ArgumentException(
                $"{environment.Name}.FramesPerSecond is {view.FramesPerSecond}; it "
                    + "must be a finite number greater than 0.");

        public Core.Environments.Rendering.Scene Render() =>
            view!.Render()?.Core
            ?? throw new ArgumentException($"{environment.Name}.Render returned null; it must return a scene.");

        public Core.Environments.Space ObservationSpace { get; } =
            Required(environment.ObservationSpace, nameof(ObservationSpace), environment);

        public Core.Environments.Space ActionSpace { get; } =
            Required(environment.ActionSpace, nameof(ActionSpace), environment);

        public int MaxEpisodeSteps => maxEpisodeSteps ?? environment.MaxEpisodeSteps;

        /// <summary>The time limit instead of the environment's own; null for that.</summary>
        protected int? Limit => maxEpisodeSteps;

        public void Reset(ulong seed, Span<float> observation) =>
            Copy(environment.Reset(seed).Span, observation, nameof(Reset));

        public Outcome Step(ReadOnlySpan<float> action, Span<float> observation)
        {
            var result = environment.Step(action);
            Copy(result.Observation.Span, observation, nameof(Step));
            return new(result.Reward, result.Terminated, result.Truncated);
        }

        private static Core.Environments.Space Required(Space? space, string name, IEnvironment environment) =>
            space?.Core
                ?? throw new ArgumentException($"{environment.Name}.{name} is null; return a space, made once.", name);

        private void Copy(ReadOnlySpan<float> source, Span<float> destination, string method)
        {
            if (source.Length != destination.Length)
            {
                throw new ArgumentException(
                    $"{method} returned an observation of {source.Length} "
                        + $"elements; {ObservationSpace} needs {destination.Length}.");
            }

            source.CopyTo(destination);
        }
    }

    private sealed class CloneableAdapter(ICloneableEnvironment environment, int? maxEpisodeSteps)
        : EnvironmentAdapter(environment, maxEpisodeSteps), Core.Environments.ICloneableEnvironment
    {
        public IMutableEnvironment Clone() =>
            environment.Clone() is ICloneableEnvironment clone
                ? new CloneableAdapter(clone, Limit)
                : throw new InvalidOperationException(
                    $"{environment.Name}.Clone must return an environment of the same class.");
    }
}
