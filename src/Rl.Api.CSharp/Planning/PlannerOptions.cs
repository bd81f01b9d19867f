using System.Collections.Generic;
using Rl.Core.Planning;

namespace Rl;

/// <summary>What planners that try sequences of actions have in common.</summary>
public abstract record SequencePlannerOptions
{
    private protected SequencePlannerOptions()
    {
    }

    /// <summary>The number of actions that are thought ahead. At least 1.</summary>
    public int Horizon { get; init; } = RandomShootingOptionsModule.defaults.Horizon;

    /// <summary>γ of the returns that are planned for; 1 for their sum. In [0, 1].</summary>
    public double Discount { get; init; } = LookaheadOptionsModule.defaults.Discount;

    /// <summary>Copies of the world whose mean is a sequence's return, each with chance of its own; 1 where steps are
    /// no matter of chance. At least 1.</summary>
    public int Particles { get; init; } = LookaheadOptionsModule.defaults.Particles;

    internal virtual IEnumerable<(string Name, string Value)> Settings() =>
    [
        (nameof(Horizon), Convert.Text(Horizon)),
        (nameof(Discount), Convert.Text(Discount)),
        (nameof(Particles), Convert.Text(Particles)),
    ];
}

/// <summary>Options of random shooting (Nagabandi et al. 2018).</summary>
public sealed record RandomShootingPlannerOptions : SequencePlannerOptions
{
    /// <summary>Sequences tried for each decision. At least 1.</summary>
    public int Population { get; init; } = RandomShootingOptionsModule.defaults.Population;

    internal override IEnumerable<(string Name, string Value)> Settings() =>
        [.. base.Settings(), (nameof(Population), Convert.Text(Population))];
}

/// <summary>Options of the cross-entropy method over sequences of actions (Rubinstein 1999; Botev et al. 2013; as in
/// PETS, Chua et al. 2018).</summary>
public sealed record CrossEntropyPlannerOptions : SequencePlannerOptions
{
    private static readonly CrossEntropyOptions Defaults = CrossEntropyOptionsModule.defaults;

    /// <summary>Sequences drawn in each iteration. At least 2.</summary>
    public int Population { get; init; } = Defaults.Population;

    /// <summary>How often the distribution is fitted for each decision. At least 1.</summary>
    public int Iterations { get; init; } = Defaults.Iterations;

    /// <summary>The share of the population that it is fitted to, rounded up; at least two sequences. In (0,
    /// 1].</summary>
    public double EliteFraction { get; init; } = Defaults.EliteFraction;

    /// <summary>The weight of the old mean and dispersion in the fit. In [0, 1).</summary>
    public double Smoothing { get; init; } = Defaults.Smoothing;

    /// <summary>The standard deviations that a search begins with, as a share of half the width between the bounds.
    /// Greater than 0.</summary>
    public double InitialDeviation { get; init; } = Defaults.InitialDeviation;

    /// <summary>Draw from normal distributions cut within the bounds, instead of clipping what is drawn.</summary>
    public bool IsTruncated { get; init; } = Defaults.Sampling == CrossEntropySampling.Truncated;

    /// <summary>Decide on the last mean, instead of the best sequence ever drawn.</summary>
    public bool ReturnsMean { get; init; } = Defaults.ReturnsMean;

    /// <summary>Begin a search at the plan of the decision before, a step later, instead of in the middle.</summary>
    public bool KeepsPlan { get; init; } = Defaults.KeepsPlan;

    internal override IEnumerable<(string Name, string Value)> Settings() =>
    [
        .. base.Settings(),
        (nameof(Population), Convert.Text(Population)),
        (nameof(Iterations), Convert.Text(Iterations)),
        (nameof(EliteFraction), Convert.Text(EliteFraction)),
        (nameof(Smoothing), Convert.Text(Smoothing)),
        (nameof(InitialDeviation), Convert.Text(InitialDeviation)),
        ("Sampling", IsTruncated ? "truncated" : "clipped"),
        (nameof(ReturnsMean), Convert.Text(ReturnsMean)),
        (nameof(KeepsPlan), Convert.Text(KeepsPlan)),
    ];
}

/// <summary>Options of the improved cross-entropy method (Pinneri et al. 2020).</summary>
public sealed record ImprovedCrossEntropyPlannerOptions : SequencePlannerOptions
{
    private static readonly ImprovedCrossEntropyOptions Defaults = ImprovedCrossEntropyOptionsModule.defaults;

    /// <summary>Sequences drawn in the first iteration. At least 4.</summary>
    public int Population { get; init; } = Defaults.Population;

    /// <summary>How often the distribution is fitted for each decision. At least 1.</summary>
    public int Iterations { get; init; } = Defaults.Iterations;

    /// <summary>The number of sequences that it is fitted to, at most half of the population. No iteration draws fewer
    /// than twice as many. At least 2.</summary>
    public int Elites { get; init; } = Defaults.Elites;

    /// <summary>The weight of the old mean and deviation in the fit. In [0, 1).</summary>
    public double Smoothing { get; init; } = Defaults.Smoothing;

    /// <summary>By what the population is divided from one iteration to the next. At least 1.</summary>
    public double PopulationDecay { get; init; } = Defaults.PopulationDecay;

    /// <summary>β of the noise's power spectrum f^(−β): 0 white, 1 pink, 2 red. 0 or more.</summary>
    public double NoiseExponent { get; init; } = Defaults.NoiseExponent;

    /// <summary>The standard deviations that a search begins with, as a share of half the width between the bounds.
    /// Greater than 0.</summary>
    public double InitialDeviation { get; init; } = Defaults.InitialDeviation;

    /// <summary>The share of the elites that are tried again. In [0, 1].</summary>
    public double KeptFraction { get; init; } = Defaults.KeptFraction;

    internal override IEnumerable<(string Name, string Value)> Settings() =>
    [
        .. base.Settings(),
        (nameof(Population), Convert.Text(Population)),
        (nameof(Iterations), Convert.Text(Iterations)),
        (nameof(Elites), Convert.Text(Elites)),
        (nameof(Smoothing), Convert.Text(Smoothing)),
        (nameof(PopulationDecay), Convert.Text(PopulationDecay)),
        (nameof(NoiseExponent), Convert.Text(NoiseExponent)),
        (nameof(InitialDeviation), Convert.Text(InitialDeviation)),
        (nameof(KeptFraction), Convert.Text(KeptFraction)),
    ];
}

/// <summary>Options of model-predictive path-integral control (Williams et al. 2017).</summary>
public sealed record PathIntegralPlannerOptions : SequencePlannerOptions
{
    private static readonly MppiOptions Defaults = MppiOptionsModule.defaults;

    /// <summary>Sequences drawn in each iteration. At least 1.</summary>
    public int Population { get; init; } = Defaults.Population;

    /// <summary>How often the plan is moved for each decision. At least 1.</summary>
    public int Iterations { get; init; } = Defaults.Iterations;

    /// <summary>λ: a sequence that returns λ less than the best weighs e times less. Greater than 0.</summary>
    public double Temperature { get; init; } = Defaults.Temperature;

    /// <summary>Standard deviation of the noise as a share of half the width between the bounds. Greater than
    /// 0.</summary>
    public double NoiseDeviation { get; init; } = Defaults.NoiseDeviation;

    /// <summary>The weight of the cost λ uᵀ Σ⁻¹ ε that keeps the plan from moving far; 0 for none. 0 or more.</summary>
    public double ControlCost { get; init; } = Defaults.ControlCost;

    internal override IEnumerable<(string Name, string Value)> Settings() =>
    [
        .. base.Settings(),
        (nameof(Population), Convert.Text(Population)),
        (nameof(Iterations), Convert.Text(Iterations)),
        (nameof(Temperature), Convert.Text(Temperature)),
        (nameof(NoiseDeviation), Convert.Text(NoiseDeviation)),
        (nameof(ControlCost), Convert.Text(ControlCost)),
    ];
}

/// <summary>Options of iterative linear-quadratic regulation and differential dynamic programming (Tassa et al. 2012,
/// 2014). Derivatives are differences of steps in copies of the state.</summary>
public sealed record DifferentialPlannerOptions
{
    private static readonly Core.Planning.DifferentialPlannerOptions Defaults =
        DifferentialPlannerOptionsModule.defaults;

    /// <summary>The number of actions that are thought ahead. At least 1.</summary>
    public int Horizon { get; init; } = Defaults.Horizon;

    /// <summary>The most improvements of a sequence for each decision. At least 1.</summary>
    public int Iterations { get; init; } = Defaults.Iterations;

    /// <summary>An improvement by less than this share is the last. 0 or more.</summary>
    public double Tolerance { get; init; } = Defaults.Tolerance;

    /// <summary>What is added to the diagonal of the second derivatives in the actions at first. 0 or more.</summary>
    public double Regularisation { get; init; } = Defaults.Regularisation;

    /// <summary>Sequences drawn for each decision, beside the plan of the decision before; the best of all are
    /// improved. 0 or more.</summary>
    public int Candidates { get; init; } = Defaults.Candidates;

    /// <summary>How many sequences are improved for each decision. At least 1.</summary>
    public int Starts { get; init; } = Defaults.Starts;

    /// <summary>β of the candidates' power spectrum f^(−β): 0 white, 1 pink, 2 red. 0 or more.</summary>
    public double NoiseExponent { get; init; } = Defaults.NoiseExponent;

    /// <summary>The candidates' standard deviation as a share of half the width between the bounds. Greater than
    /// 0.</summary>
    public double InitialDeviation { get; init; } = Defaults.InitialDeviation;

    /// <summary>Ask for mixed second derivatives too, by the square of the numbers of state and action more steps,
    /// instead of twice as many as there are numbers.</summary>
    public bool MixedDerivatives { get; init; } = Defaults.MixedDerivatives;

    /// <summary>γ of the returns that are planned for; 1 for their sum. In [0, 1].</summary>
    public double Discount { get; init; } = Defaults.Discount;

    /// <summary>Use the second derivatives of the dynamics: differential dynamic programming.</summary>
    public bool IsSecondOrder { get; init; }

    internal IEnumerable<(string Name, string Value)> Settings() =>
    [
        (nameof(Horizon), Convert.Text(Horizon)),
        (nameof(Iterations), Convert.Text(Iterations)),
        (nameof(Tolerance), Convert.Text(Tolerance)),
        (nameof(Regularisation), Convert.Text(Regularisation)),
        (nameof(Candidates), Convert.Text(Candidates)),
        (nameof(Starts), Convert.Text(Starts)),
        (nameof(NoiseExponent), Convert.Text(NoiseExponent)),
        (nameof(InitialDeviation), Convert.Text(InitialDeviation)),
        (nameof(MixedDerivatives), Convert.Text(MixedDerivatives)),
        (nameof(Discount), Convert.Text(Discount)),
    ];
}

/// <summary>Options of Monte-Carlo tree search (Kocsis and Szepesvári 2006; Rosin 2011; Silver et al. 2017). Values are
/// scaled to [0, 1] within the tree.</summary>
public sealed record TreeSearchPlannerOptions
{
    private static readonly TreeSearchOptions Defaults = TreeSearchOptionsModule.defaults;

    /// <summary>Ways through the tree for each decision. At least 1.</summary>
    public int Simulations { get; init; } = Defaults.Simulations;

    /// <summary>The number of actions that are thought ahead, in the tree and beyond it. At least 1.</summary>
    public int Horizon { get; init; } = Defaults.Horizon;

    /// <summary>γ. In [0, 1].</summary>
    public double Discount { get; init; } = Defaults.Discount;

    /// <summary>How much an action counts that has been tried little. 0 or more.</summary>
    public double Exploration { get; init; } = Defaults.Exploration;

    /// <summary>Choose by PUCT, Q̄ + c π √N / (1 + n), instead of by UCT, Q̄ + c √(ln N / n).</summary>
    public bool IsPuct { get; init; }

    internal IEnumerable<(string Name, string Value)> Settings() =>
    [
        (nameof(Simulations), Convert.Text(Simulations)),
        (nameof(Horizon), Convert.Text(Horizon)),
        (nameof(Discount), Convert.Text(Discount)),
        (nameof(Exploration), Convert.Text(Exploration)),
    ];
}
