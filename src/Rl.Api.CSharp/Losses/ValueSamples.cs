namespace Rl;

/// <summary>What a <see cref="ValueLoss"/> is written in: the M transitions (s, a, r, s′) of a batch that was drawn
/// from the replay, or of a part of it that a thread computes. A column has a number a transition, [M].</summary>
/// <remarks>Of actions of several choices at once, such as MultiDiscrete ones, a loss is asked for each choice, and the
/// mean over them is minimised.</remarks>
public sealed class ValueSamples
{
    internal ValueSamples(Core.Algorithms.ValueSamples core)
    {
        Value = new(core.Value);
        Target = new(core.Target);
        Error = new(core.Error);
        Values = new(core.Values);
        Weights = new(core.Weights);
        Observations = new(core.Observations);
        Actions = new(core.Actions);
        PlanLeft = new(core.PlanLeft);
    }

    /// <summary>Q(s, a) of the network that learns, [M].</summary>
    public Expr Value { get; }

    /// <summary>y, what Q(s, a) is to become, [M]: r + γ · the value of s′ that <see cref="DqnOptions.Target"/> says,
    /// or the return of several steps; constant.</summary>
    public Expr Target { get; }

    /// <summary>δ = y − Q(s, a), [M]; constant in y.</summary>
    public Expr Error { get; }

    /// <summary>Q(s, ·) of all n actions, [M, n].</summary>
    public Expr Values { get; }

    /// <summary>w, what each transition counts, [M]; constant: 1 but for prioritised replay. The library multiplies
    /// what is minimised with it; a loss does not do so itself.</summary>
    public Expr Weights { get; }

    /// <summary>s as the network sees it, encoded and normalised, [M, o]; constant.</summary>
    public Expr Observations { get; }

    /// <summary>The number of the action a, [M], from 0 on; constant.</summary>
    public Expr Actions { get; }

    /// <summary>The share of the plan that is left, one number: 1 in the first update, 0 at
    /// <see cref="DqnOptions.TotalSteps"/>. For weights that are annealed.</summary>
    public Expr PlanLeft { get; }
}
