namespace Rl;

/// <summary>The parts of the contract of an environment.</summary>
public enum ContractRule
{
    /// <summary>What an environment says of itself: its name, spaces and limits.</summary>
    Declaration,

    /// <summary>No call throws but to refuse what is wrong.</summary>
    Exceptions,

    /// <summary>Observations are finite, complete and in their space.</summary>
    Observations,

    /// <summary>Rewards are finite.</summary>
    Rewards,

    /// <summary>The same seed and actions give the same episode.</summary>
    Reproducibility,

    /// <summary>A copy of a state, stepped, gives what the state gives.</summary>
    Cloning,

    /// <summary>Wrong actions are refused, and actions beyond a box are not.</summary>
    Actions,

    /// <summary>A terminal state is refused.</summary>
    TerminalStates,

    /// <summary>Episodes are truncated by time limits, and never terminated as well.</summary>
    Truncation,

    /// <summary>Masks allow at least one choice of each component.</summary>
    ActionMasks,

    /// <summary>Rendering changes nothing.</summary>
    Rendering,

    /// <summary>A saved environment continues with the same numbers.</summary>
    Snapshots,

    /// <summary>Many copies do what one does.</summary>
    Batches,

    /// <summary>A step pays what the goals that it led to are worth.</summary>
    Goals,
}

/// <summary>One thing that is wrong with an environment; see
/// <see cref="Environments.Check(System.Func{IEnvironment}, ulong, int)"/>.</summary>
/// <param name="Rule">The part of the contract.</param>
/// <param name="IsAdvice">Whether it is advice: the environment works, but an algorithm or a reader may be
/// misled.</param>
/// <param name="Place">Where it was first seen, such as "episode 1, step 3".</param>
/// <param name="Problem">What is wrong.</param>
/// <param name="Remedy">What to do.</param>
/// <param name="Occurrences">How often it was seen.</param>
public sealed record ContractFinding(
    ContractRule Rule, bool IsAdvice, string Place, string Problem, string Remedy, int Occurrences)
{
    /// <summary>The finding as one line.</summary>
    public override string ToString() =>
        $"{(IsAdvice ? "advice" : "violation")}, {Rule}, {Place}: "
            + $"{Problem}{(Occurrences > 1 ? $" (seen {Occurrences} times)" : string.Empty)} {Remedy}";
}
