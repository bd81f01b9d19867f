namespace Rl;

/// <summary>What a <see cref="PolicyLoss"/> is written in: the M samples (s, a) of a minibatch, or of a part of it that
/// a thread computes. A column has a number a sample, [M].</summary>
public sealed class PolicySamples
{
    internal PolicySamples(Core.Algorithms.PolicySamples core)
    {
        LogProbability = new(core.LogProbability);
        OldLogProbability = new(core.OldLogProbability);
        Ratio = new(core.Ratio);
        ApproximateKl = new(core.ApproximateKl);
        Entropy = new(core.Entropy);
        Value = new(core.Value);
        OldValue = new(core.OldValue);
        Advantages = new(core.Advantages);
        Returns = new(core.Returns);
        Observations = new(core.Observations);
        Actions = new(core.Actions);
        PlanLeft = new(core.PlanLeft);
    }

    /// <summary>log π(a|s) of the policy that learns, [M].</summary>
    public Expr LogProbability { get; }

    /// <summary>log π(a|s) of the policy that acted, [M]; constant.</summary>
    public Expr OldLogProbability { get; }

    /// <summary>ρ = π(a|s) / π_old(a|s), [M]; 1 before the first step of an update.</summary>
    public Expr Ratio { get; }

    /// <summary>(ρ − 1) − ln ρ, [M]: an estimate of KL(π_old ‖ π) that is never negative.</summary>
    public Expr ApproximateKl { get; }

    /// <summary>The policy's entropy at s, [M], in nats.</summary>
    public Expr Entropy { get; }

    /// <summary>V(s) of the value function that learns, [M].</summary>
    public Expr Value { get; }

    /// <summary>V(s) when the step was taken, [M]; constant.</summary>
    public Expr OldValue { get; }

    /// <summary>Advantages by GAE(λ), [M]; constant. With <see cref="PpoOptions.NormaliseAdvantages"/> their mean is 0
    /// and their standard deviation 1 in a minibatch.</summary>
    public Expr Advantages { get; }

    /// <summary>The λ-returns, [M]: advantages, before they are normalised, plus <see cref="OldValue"/>;
    /// constant.</summary>
    public Expr Returns { get; }

    /// <summary>s as the network sees it, encoded and normalised, [M, n]; constant.</summary>
    public Expr Observations { get; }

    /// <summary>a in the policy's units, [M, k]; constant.</summary>
    public Expr Actions { get; }

    /// <summary>The share of the plan that is left, one number: 1 in the first update, 0 at
    /// <see cref="PpoOptions.TotalSteps"/>. For weights and ranges that are annealed.</summary>
    public Expr PlanLeft { get; }
}
