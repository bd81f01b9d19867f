using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Core.Environments;

namespace Rl.Internal;

/// <summary>Where an agent's copies of an environment come from: the library's registry, or a user's factory.</summary>
internal abstract class EnvironmentSource
{
    private const string Kind = "environment.kind";
    private const string Limit = "environment.maxEpisodeSteps";
    private const string Option = "environment.option.";

    /// <summary>A batch of copies.</summary>
    public abstract BatchEnvironment Create(int copies);

    /// <summary>What a file must hold to find the environment again.</summary>
    public abstract IEnumerable<KeyValuePair<string, string>> Notes { get; }

    public static EnvironmentSource Of(BuiltInEnvironment environment)
    {
        ArgumentNullException.ThrowIfNull(environment);
        return new BuiltIn(environment);
    }

    public static EnvironmentSource Of(Func<IEnvironment> factory)
    {
        ArgumentNullException.ThrowIfNull(factory);
        return new Custom(factory);
    }

    /// <summary>The environment that notes describe; null when it is a user's own.</summary>
    public static BuiltInEnvironment? Find(string id, IReadOnlyList<KeyValuePair<string, string>> notes)
    {
        var found = notes.ToDictionary(note => note.Key, note => note.Value);
        if (found.GetValueOrDefault(Kind) != "registry" || !Environments.Ids.Contains(id))
        {
            return null;
        }

        var options = found.Where(note => note.Key.StartsWith(Option, StringComparison.Ordinal))
            .Select(note => (note.Key[Option.Length..], note.Value));
        var environment = Environments.Make(id, options);
        return int.TryParse(found.GetValueOrDefault(Limit), out var limit) ? environment.WithMaxEpisodeSteps(limit) : environment;
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
    }

    private sealed class Custom(Func<IEnvironment> factory) : EnvironmentSource
    {
        public override IEnumerable<KeyValuePair<string, string>> Notes => [new(Kind, "custom")];

        public override BatchEnvironment Create(int copies)
        {
            var instances = Enumerable.Range(0, copies).Select(_ => Instance()).ToArray();
            if (copies > 1 && instances.Distinct(ReferenceEqualityComparer.Instance).Count() < copies)
            {
                throw new ArgumentException(
                    "The factory returned the same environment twice; it must make a new one each time, such as () => new MyEnvironment().");
            }

            return new External(
                instances[0].Name,
                instances[0].RewardThreshold,
                copies,
                copy => EnvironmentAdapter.Of(instances[copy]));
        }

        private IEnvironment Instance() =>
            factory() ?? throw new ArgumentException("The factory returned null; it must make an environment.");
    }

    /// <summary>A user's environment as the core sees it.</summary>
    private class EnvironmentAdapter(IEnvironment environment) : IMutableEnvironment
    {
        public static EnvironmentAdapter Of(IEnvironment environment) =>
            environment is IRenderable renderable ? new RenderableAdapter(environment, renderable) : new EnvironmentAdapter(environment);

        public Core.Environments.Space ObservationSpace { get; } = Required(environment.ObservationSpace, nameof(ObservationSpace), environment);

        public Core.Environments.Space ActionSpace { get; } = Required(environment.ActionSpace, nameof(ActionSpace), environment);

        public int MaxEpisodeSteps => environment.MaxEpisodeSteps;

        public void Reset(ulong seed, Span<float> observation) =>
            Copy(environment.Reset(seed).Span, observation, nameof(Reset));

        public Outcome Step(ReadOnlySpan<float> action, Span<float> observation)
        {
            var result = environment.Step(action);
            Copy(result.Observation.Span, observation, nameof(Step));
            return new(result.Reward, result.Terminated, result.Truncated);
        }

        private static Core.Environments.Space Required(Space? space, string name, IEnvironment environment) =>
            space?.Core ?? throw new ArgumentException($"{environment.Name}.{name} is null; return a space, made once.", name);

        private void Copy(ReadOnlySpan<float> source, Span<float> destination, string method)
        {
            if (source.Length != destination.Length)
            {
                throw new ArgumentException(
                    $"{method} returned an observation of {source.Length} elements; {ObservationSpace} needs {destination.Length}.");
            }

            source.CopyTo(destination);
        }
    }

    /// <summary>A user's environment that can be looked at.</summary>
    private sealed class RenderableAdapter(IEnvironment environment, IRenderable renderable) : EnvironmentAdapter(environment), IMutableRenderable
    {
        private readonly string name = environment.Name;

        public double FramesPerSecond => renderable.FramesPerSecond is > 0 and < double.PositiveInfinity and var rate
            ? rate
            : throw new ArgumentException($"{name}.FramesPerSecond is {renderable.FramesPerSecond}; it must be a finite number greater than 0.");

        public Core.Environments.Rendering.Scene Render() =>
            renderable.Render()?.Core ?? throw new ArgumentException($"{name}.Render returned null; it must return a scene.");
    }
}
