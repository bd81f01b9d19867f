namespace Rl;

/// <summary>What a warning is about.</summary>
public enum TrainingWarningKind
{
    /// <summary>The policy moves far in one update.</summary>
    LargeDivergence = 0,

    /// <summary>Most samples of the updates are clipped.</summary>
    MostlyClipped = 1,

    /// <summary>The value function predicts returns worse than a constant.</summary>
    UselessValues = 2,

    /// <summary>The policy became nearly deterministic before its return rose.</summary>
    EntropyCollapse = 3,

    /// <summary>Rewards are so large that losses and gradients are.</summary>
    LargeRewards = 4,

    /// <summary>Every episode so far had the same return.</summary>
    ConstantReturns = 5,

    /// <summary>No episode ends.</summary>
    EndlessEpisodes = 6,

    /// <summary>Observations are so large that networks do not start from numbers of order 1.</summary>
    LargeObservations = 7,

    /// <summary>The policy acts in units that hardly meet the bounds of the actions.</summary>
    UnscaledActions = 8,

    /// <summary>The file that training goes on from was saved without its replay.</summary>
    MissingReplay = 9,

    /// <summary>Episodes ended because the numbers of a simulation's state lost their sense.</summary>
    BlownUpStates = 10,
}

/// <summary>What a practitioner would say who watches the run; each kind is raised once.</summary>
/// <param name="Kind">What it is about.</param>
/// <param name="Update">The update after which it was noticed.</param>
/// <param name="Message">One line with a remedy.</param>
public sealed record TrainingWarning(TrainingWarningKind Kind, long Update, string Message);
