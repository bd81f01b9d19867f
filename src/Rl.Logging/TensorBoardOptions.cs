using System;

namespace Rl.Logging;

/// <summary>What a <see cref="TensorBoardLog"/> holds, and how much of it.</summary>
public sealed record TensorBoardOptions
{
    /// <summary>What the curves are called.</summary>
    public LogKeys Keys { get; init; }

    /// <summary>The environment steps between two points of the curves; 1 for one after each update. At least 1; a
    /// thousandth of the plan if not set, which gives as many points as TensorBoard shows.</summary>
    public long? EverySteps { get; init; }

    /// <summary>The environment steps between two histograms of the parameters and of remembered actions; 0 for none.
    /// At least 0; a fiftieth of the plan if not set.</summary>
    public long? HistogramEverySteps { get; init; }

    /// <summary>Checks every option.</summary>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it and its
    /// value.</exception>
    public void Validate()
    {
        if (!Enum.IsDefined(Keys))
        {
            throw new ArgumentOutOfRangeException(
                nameof(Keys), Keys,
                $"Keys is {Keys}; it must be {nameof(LogKeys.Rl)} or {nameof(LogKeys.StableBaselines3)}.");
        }

        if (EverySteps < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(EverySteps), EverySteps, $"EverySteps is {EverySteps}; it must be at least 1.");
        }

        if (HistogramEverySteps < 0)
        {
            throw new ArgumentOutOfRangeException(
                nameof(HistogramEverySteps), HistogramEverySteps,
                $"HistogramEverySteps is {HistogramEverySteps}; it must be at least 0.");
        }
    }
}
