using System;
using Rl.Core.Environments;

namespace Rl.Internal;

/// <summary>A registered class of a user's, as the library's own environments are known.</summary>
internal sealed class OwnEnvironment : AnyEnvironment
{
    // What it is like is asked of one instance, made when it is first needed.
    private readonly Lazy<Facts> facts;

    public OwnEnvironment(string id, string summary, Func<IEnvironment> factory)
    {
        Id = id;
        Summary = summary;
        Factory = factory;
        facts = new(() => Facts.Of(factory()));
    }

    public override string Id { get; }

    public string Summary { get; }

    public Func<IEnvironment> Factory { get; }

    public override Core.Environments.Space ObservationSpace => facts.Value.Observations;

    public override Core.Environments.Space ActionSpace => facts.Value.Actions;

    public override int MaxEpisodeSteps => facts.Value.Limit;

    public override double RewardThreshold => facts.Value.Threshold;

    public bool HasActionMasks => facts.Value.IsMasked;

    public override BatchEnvironment Vectorise(int count, int maxEpisodeSteps) =>
        EnvironmentSource.BatchOf(Id, Factory, count, maxEpisodeSteps);

    public override TResult Accept<TResult>(IEnvironmentVisitor<TResult> visitor) =>
        throw new InvalidOperationException($"{Id} is a class, not a pure function of states.");

    private sealed record Facts(
        Core.Environments.Space Observations, Core.Environments.Space Actions, int Limit, double Threshold,
        bool IsMasked)
    {
        public static Facts Of(IEnvironment instance)
        {
            try
            {
                return new(
                    instance.ObservationSpace.Core,
                    instance.ActionSpace.Core,
                    instance.MaxEpisodeSteps,
                    instance.RewardThreshold,
                    Abilities.Masked(instance) is not null);
            }
            finally
            {
                Abilities.Dispose(instance);
            }
        }
    }
}
