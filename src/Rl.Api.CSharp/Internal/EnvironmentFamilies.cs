using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Core.Environments;

namespace Rl.Internal;

/// <summary>Environments that are known by the beginning of their ids: <c>gymnasium:CartPole-v1</c>. A package that
/// brings them registers how one is made.</summary>
internal static class EnvironmentFamilies
{
    private static volatile Family[] families = [];

    /// <summary>Makes ids that begin with a prefix known; doing it again changes nothing.</summary>
    /// <param name="prefix">The beginning with its colon.</param>
    /// <param name="make">Makes the environment of what follows the prefix, with options as texts.</param>
    public static void Register(
        string prefix, Func<string, IReadOnlyDictionary<string, string>, IVectorizableEnvironment> make)
    {
        if (families.All(family => family.Prefix != prefix))
        {
            families = [.. families, new(prefix, make)];
        }
    }

    /// <summary>The environment of an id; null if no prefix fits.</summary>
    public static Member? Find(string id, IReadOnlyList<(string Name, string Value)> options)
    {
        ArgumentNullException.ThrowIfNull(id);
        return families.FirstOrDefault(family => Fits(family, id)) is { } found
            ? new Member(id, () => found.Make(
                id[found.Prefix.Length..], options.ToDictionary(option => option.Name, option => option.Value)))
            : null;
    }

    /// <summary>Whether a family has such ids.</summary>
    public static bool Knows(string id) => families.Any(family => Fits(family, id));

    private static bool Fits(Family family, string id) =>
        id.Length > family.Prefix.Length && id.StartsWith(family.Prefix, StringComparison.Ordinal);

    private sealed record Family(
        string Prefix, Func<string, IReadOnlyDictionary<string, string>, IVectorizableEnvironment> Make);

    /// <summary>One environment, of which an instance tells what it is like; it is disposed of then and makes
    /// others.</summary>
    internal sealed class Member(string id, Func<IVectorizableEnvironment> make) : AnyEnvironment
    {
        private readonly Lazy<IVectorizableEnvironment> template = new(() =>
        {
            var made = make();
            Abilities.Dispose(made);
            return made;
        });

        public override string Id => id;

        public override Core.Environments.Space ObservationSpace => template.Value.ObservationSpace.Core;

        public override Core.Environments.Space ActionSpace => template.Value.ActionSpace.Core;

        public override int MaxEpisodeSteps => template.Value.MaxEpisodeSteps;

        public override double RewardThreshold => template.Value.RewardThreshold;

        public bool HasActionMasks => Abilities.Masked(template.Value) is not null;

        public override BatchEnvironment Vectorise(int count, int maxEpisodeSteps) =>
            count == 1
                ? EnvironmentSource.BatchOf(id, template.Value.Another, 1, maxEpisodeSteps)
                : new ExternalBatch(
                    id, RewardThreshold, count, new VectorAdapter(template.Value, count, maxEpisodeSteps));

        public override TResult Accept<TResult>(IEnvironmentVisitor<TResult> visitor) =>
            throw new InvalidOperationException($"{id} is no pure function of states.");
    }
}
