using System;
using System.Collections.Generic;
using Rl.Core.Learning;

namespace Rl;

/// <summary>A rate over training, as options of learning rates, clip ranges and exploration are: a number that
/// stays, or one that changes with the share of <see cref="AgentOptions.TotalSteps"/> that is done. A number is a
/// schedule by itself: <c>LearningRate = 3e-4</c>. Schedules are immutable and compare by their values;
/// <see cref="AgentOptions.Validate"/> checks every value that one can take. Training that goes on beyond its plan
/// keeps the last value.</summary>
/// <example><code>new PpoOptions { LearningRate = Schedule.Linear(3e-4, 0).WithWarmUp(0.05), ClipRange = 0.2
/// }</code></example>
public sealed record Schedule
{
    internal Schedule(RateSchedule core)
    {
        Core = core;
    }

    /// <summary>Whether it has the same value all the time.</summary>
    public bool IsConstant => RateScheduleModule.isConstant(Core);

    internal RateSchedule Core { get; }

    /// <summary>The same value all the time.</summary>
    public static implicit operator Schedule(double value) => Constant(value);

    /// <summary>The same value all the time.</summary>
    public static Schedule Constant(double value) => new(RateSchedule.NewConstant(value));

    /// <summary>From one value to another in a straight line, over a share of training, then the last.</summary>
    /// <param name="initial">The value at the start.</param>
    /// <param name="final">The value from the end of that share on.</param>
    /// <param name="over">The share of training that it takes, in [0, 1].</param>
    /// <exception cref="ArgumentException">The share is not in [0, 1].</exception>
    public static Schedule Linear(double initial, double final, double over = 1) =>
        Of(RateSchedule.NewLinear(initial, final, over), nameof(over));

    /// <summary>From one value to another by half a cosine, slowly at both ends (Loshchilov and Hutter 2017), over a
    /// share of training, then the last.</summary>
    /// <param name="initial">The value at the start.</param>
    /// <param name="final">The value from the end of that share on.</param>
    /// <param name="over">The share of training that it takes, in [0, 1].</param>
    /// <exception cref="ArgumentException">The share is not in [0, 1].</exception>
    public static Schedule Cosine(double initial, double final, double over = 1) =>
        Of(RateSchedule.NewCosine(initial, final, over), nameof(over));

    /// <summary>From one value to another by equal factors in equal times, over a share of training, then the
    /// last.</summary>
    /// <param name="initial">The value at the start, greater than 0.</param>
    /// <param name="final">The value from the end of that share on, greater than 0.</param>
    /// <param name="over">The share of training that it takes, in [0, 1].</param>
    /// <exception cref="ArgumentException">A value is not greater than 0, or the share is not in [0, 1].</exception>
    public static Schedule Exponential(double initial, double final, double over = 1) =>
        Of(RateSchedule.NewExponential(initial, final, over), nameof(initial));

    /// <summary>A value that stays until another takes its place.</summary>
    /// <param name="initial">The value at the start.</param>
    /// <param name="from">Shares of training, in [0, 1] and rising, with the value from there on.</param>
    /// <exception cref="ArgumentException">The shares are not in [0, 1] or do not rise.</exception>
    public static Schedule Piecewise(double initial, params IEnumerable<(double Share, double Value)> from)
    {
        ArgumentNullException.ThrowIfNull(from);
        return Of(Convert.Piecewise(initial, from), nameof(from));
    }

    /// <summary>From text: a number, <c>linear(3e-4, 0)</c>, <c>cosine(3e-4, 0)</c>, <c>exponential(3e-4,
    /// 3e-6)</c>, each with the share of training that it takes as a third number, also in per cent, <c>piecewise(3e-4,
    /// 0.5: 1e-4)</c>, <c>warmup(0.05, linear(3e-4, 0))</c>, or <c>lin_3e-4</c> for <c>linear(3e-4, 0)</c>.</summary>
    /// <exception cref="ArgumentException">The text is none of these.</exception>
    public static Schedule Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Of(RateScheduleModule.parse(nameof(text), text), nameof(text));
    }

    /// <summary>The same after a warm-up: in a straight line from 0 to where this one starts, over a share of training;
    /// this one then has what is left of training as its whole.</summary>
    /// <param name="over">The share of training that the warm-up takes, in [0, 1).</param>
    /// <exception cref="ArgumentException">The share is not in [0, 1), or there is a warm-up already.</exception>
    public Schedule WithWarmUp(double over) => Of(RateSchedule.NewWarmUp(over, Core), nameof(over));

    /// <summary>The value at a share of training.</summary>
    /// <param name="share">0 at the start, 1 at the end of the plan. At least 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">The share is negative or no number.</exception>
    public double At(double share)
    {
        if (!(share >= 0))
        {
            throw new ArgumentOutOfRangeException(nameof(share), share, $"share is {share}; it must be at least 0.");
        }

        return RateScheduleModule.at(share, Core);
    }

    /// <summary>The text that <see cref="Parse"/> reads.</summary>
    public override string ToString() => RateScheduleModule.print(Core);

    private static Schedule Of(RateSchedule core, string argument)
    {
        RateScheduleModule.check(argument, core);
        return new(core);
    }
}
