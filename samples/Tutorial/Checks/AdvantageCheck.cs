using System;
using System.Collections.Generic;
using System.Linq;

namespace Rl.Tutorial;

/// <summary>TODO 3: whether advantages are the generalised estimates, across both kinds of ends.</summary>
internal static class AdvantageCheck
{
    private const double Discount = 0.9;
    private const double Lambda = 0.8;

    public static string? Run(IExercise exercise)
    {
        var got = exercise.Advantages(Example(), Discount, Lambda) ?? [];
        var rollout = Example();
        bool Terminated(int row) => rollout.Terminated[row];
        bool Over(int row) => rollout.Over[row];
        bool Never(int row) => false;
        double[] Estimate(
            Func<int, bool> noNext, Func<int, bool> noRest, double next = Discount, double rest = Discount * Lambda,
            double own = 1) => Estimates(rollout, noNext, noRest, next, rest, own);
        var right = Estimate(Terminated, Over);
        return Mistake.Explain(
            "The advantages",
            right,
            [.. got.Select(number => (double)number)],
            new("The advantages are all 0.", new double[rollout.Rows]),
            new(
                "V(sₜ₊₁) counts although the task ended there: where `Terminated`, nothing follows.",
                Estimate(Never, Over)),
            new(
                "V(sₜ₊₁) does not count where only the time was up (`Over` without `Terminated`): the task would have "
                + "gone on, so its value counts.",
                Estimate(Over, Over)),
            new(
                "The sum goes on through the ends of episodes: where `Over`, the next row is of another episode.",
                Estimate(Terminated, Never)),
            new(
                "The sum stops only where the task ended. Where time was up (`Over` without `Terminated`) the next row "
                + "is of another episode too.",
                Estimate(Terminated, Terminated)),
            new("No end of an episode is heeded: see `Terminated` and `Over`.", Estimate(Never, Never)),
            new("λ is missing: Aₜ = δₜ + γλ Aₜ₊₁.", Estimate(Terminated, Over, rest: Discount)),
            new("γ is missing before λ: Aₜ = δₜ + γλ Aₜ₊₁.", Estimate(Terminated, Over, rest: Lambda)),
            new("γ is missing in δₜ = rₜ + γ V(sₜ₊₁) − V(sₜ).", Estimate(Terminated, Over, next: 1)),
            new("These are the δₜ. Add γλ Aₜ₊₁, from the last step to the first.", Estimate(Terminated, Over, rest: 0)),
            new("−V(sₜ) is missing in δₜ = rₜ + γ V(sₜ₊₁) − V(sₜ).", Estimate(Terminated, Over, own: 0)),
            new(
                "These are the returns Aₜ + V(sₜ); the advantages are asked for.",
                [.. right.Select((number, row) => number + rollout.Values[row])]),
            new(
                "The sum runs from the first step to the last. Aₜ needs Aₜ₊₁, so begin with the last step.",
                Forwards(rollout)),
            new(
                "Aₜ₊₁ is taken from the next row, which is another copy's at the same time: the same copy's is N rows "
                + "on.",
                AcrossCopies(rollout)));
    }

    /// <summary>Two copies: one whose task ends in the middle, one whose time is up.</summary>
    private static Rollout Example()
    {
        var rollout = new Rollout(steps: 5, copies: 2, observationSize: 1, actionSize: 1);
        for (var row = 0; row < rollout.Rows; row++)
        {
            rollout.Rewards[row] = row % 3 - 0.5f + 0.1f * row;
            rollout.Values[row] = 1 + 0.3f * (row % 4);
            rollout.NextValues[row] = 2 - 0.25f * (row % 5);
        }

        rollout.Terminated[2 * 2] = rollout.Over[2 * 2] = true;
        rollout.Over[1 * 2 + 1] = true;
        return rollout;
    }

    private static double Delta(Rollout rollout, int row, bool noNext, double next, double own) =>
        rollout.Rewards[row] + (noNext ? 0 : next * rollout.NextValues[row]) - own * rollout.Values[row];

    private static double[] Estimates(
        Rollout rollout, Func<int, bool> noNext, Func<int, bool> noRest, double next, double rest, double own)
    {
        var result = new double[rollout.Rows];
        for (var row = rollout.Rows - 1; row >= 0; row--)
        {
            var after = row + rollout.Copies < rollout.Rows && !noRest(row) ? result[row + rollout.Copies] : 0;
            result[row] = Delta(rollout, row, noNext(row), next, own) + rest * after;
        }

        return result;
    }

    private static double[] Forwards(Rollout rollout)
    {
        var result = new double[rollout.Rows];
        for (var row = 0; row < rollout.Rows; row++)
        {
            var before = row >= rollout.Copies && !rollout.Over[row] ? result[row - rollout.Copies] : 0;
            result[row] = Delta(rollout, row, rollout.Terminated[row], Discount, own: 1) + Discount * Lambda * before;
        }

        return result;
    }

    private static double[] AcrossCopies(Rollout rollout)
    {
        var result = new double[rollout.Rows];
        for (var row = rollout.Rows - 1; row >= 0; row--)
        {
            var after = row + 1 < rollout.Rows && !rollout.Over[row] ? result[row + 1] : 0;
            result[row] = Delta(rollout, row, rollout.Terminated[row], Discount, own: 1) + Discount * Lambda * after;
        }

        return result;
    }
}
