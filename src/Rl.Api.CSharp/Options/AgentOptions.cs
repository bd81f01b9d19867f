using System.Collections.Generic;
using Rl.Core.Environments;
using Rl.Core.Foundations;
using Rl.Core.Learning;

namespace Rl;

/// <summary>What an agent learns with: the options of an algorithm, and what all algorithms have in common.</summary>
public abstract record AgentOptions
{
    private protected AgentOptions()
    {
    }

    /// <summary>The algorithm's id, for example <c>ppo</c>.</summary>
    public abstract string Algorithm { get; }

    /// <summary>The environment steps that training is planned for; rates that are annealed reach 0 there. At least
    /// 1.</summary>
    public abstract long TotalSteps { get; init; }

    /// <summary>Copies of the environment that are stepped together. At least 1.</summary>
    public int EnvironmentCopies { get; init; } = 8;

    /// <summary>Threads that train; 0 for one a processor core. Results do not depend on it.</summary>
    public int Threads { get; init; }

    /// <summary>The algorithm's options as named texts, as files and command lines hold them.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> ToSettings() => Convert.ToList(Pairs());

    /// <summary>Checks every option.</summary>
    /// <exception cref="System.ArgumentException">An option is out of its range; the message names it, its value and
    /// the range.</exception>
    public void Validate()
    {
        Guard.inIntRange(nameof(EnvironmentCopies), 1, 65536, EnvironmentCopies);
        Guard.inIntRange(nameof(Threads), 0, 1024, Threads);
        ValidateAlgorithm();
    }

    internal abstract AgentOptions WithTotalSteps(long totalSteps);

    /// <summary>The defaults with the named options replaced, and these copies and threads.</summary>
    internal abstract AgentOptions WithSettings(IEnumerable<System.Tuple<string, string>> settings);

    internal abstract Learner CreateLearner(BatchEnvironment environment, Workers workers);

    private protected abstract IEnumerable<System.Tuple<string, string>> Pairs();

    private protected abstract void ValidateAlgorithm();
}

/// <summary>What stands between the layers of a network.</summary>
public enum Activation
{
    /// <summary>The hyperbolic tangent.</summary>
    Tanh,

    /// <summary>max(x, 0).</summary>
    Relu,

    /// <summary>x for x &gt; 0, eˣ − 1 elsewhere.</summary>
    Elu,

    /// <summary>x Φ(x).</summary>
    Gelu,

    /// <summary>x · sigmoid(x).</summary>
    Silu,
}

/// <summary>A recurrent layer.</summary>
public enum Recurrence
{
    /// <summary>None: the policy sees the present observation only.</summary>
    None,

    /// <summary>tanh units (Elman 1990).</summary>
    Tanh,

    /// <summary>Gated recurrent units (Cho et al. 2014).</summary>
    Gru,

    /// <summary>Long short-term memory (Hochreiter and Schmidhuber 1997).</summary>
    Lstm,
}
