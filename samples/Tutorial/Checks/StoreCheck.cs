using System;
using System.Collections.Generic;
using System.Linq;

namespace Rl.Tutorial;

/// <summary>TODO 1: whether every step lies in its row, whole.</summary>
internal static class StoreCheck
{
    private const int Steps = 3;
    private const int Copies = 2;

    public static string? Run(IExercise exercise)
    {
        var rollout = new Rollout(Steps, Copies, observationSize: 2, actionSize: 2);
        for (var time = 0; time < Steps; time++)
        {
            for (var copy = 0; copy < Copies; copy++)
            {
                exercise.Store(rollout, time, copy, Step(time, copy));
            }
        }

        return Column("Observations", rollout.Observations, step => [.. step.Observation.ToArray()])
            ?? Column("Actions", rollout.Actions, step => [.. step.Action.ToArray()])
            ?? Column("LogProbabilities", rollout.LogProbabilities, step => [step.LogProbability])
            ?? Column("Values", rollout.Values, step => [step.Value])
            ?? Column("Rewards", rollout.Rewards, step => [step.Reward])
            ?? Column("NextValues", rollout.NextValues, step => [step.NextValue])
            ?? Column("Terminated", Numbers(rollout.Terminated), step => [step.Terminated ? 1 : 0])
            ?? Column("Over", Numbers(rollout.Over), step => [step.Over ? 1 : 0]);
    }

    /// <summary>A step with numbers that no other step has, and no two of them the same.</summary>
    private static Transition Step(int time, int copy)
    {
        var first = 100 * time + 10 * (copy + 1);
        return new()
        {
            Observation = new float[] { first, first + 1 },
            Action = new float[] { first + 2, first + 3 },
            LogProbability = -(first + 4),
            Value = first + 5,
            Reward = first + 6,
            NextValue = first + 7,
            Terminated = time == 1 && copy == 0,
            Over = time == 1,
        };
    }

    private static string? Column(string name, IEnumerable<float> got, Func<Transition, float[]> part)
    {
        float[] numbers = [.. got];
        if (numbers.All(number => number == 0))
        {
            return $"{name} of the rollout is never written.";
        }

        var zeros = new float[part(Step(0, 0)).Length];
        var steps = Enumerable.Range(0, Steps).ToArray();
        var copies = Enumerable.Range(0, Copies).ToArray();
        var right = steps.SelectMany(time => copies.SelectMany(copy => part(Step(time, copy))));
        var byCopy = copies.SelectMany(copy => steps.SelectMany(time => part(Step(time, copy))));
        var last = part(Step(Steps - 1, Copies - 1));
        var onlyFirst = last.Concat(Enumerable.Repeat(zeros, Steps * Copies - 1).SelectMany(zero => zero));
        return Mistake.Explain(
            name,
            Doubles(right),
            Doubles(numbers),
            new(
                $"{name}: the rows stand copy by copy. Copy n at time t has row t · N + n, not n · T + t.",
                Doubles(byCopy)),
            new(
                $"{name}: every step is written into the first row. Copy n at time t has row t · N + n.",
                Doubles(onlyFirst)));
    }

    private static IEnumerable<float> Numbers(bool[] flags) => flags.Select(flag => flag ? 1f : 0f);

    private static double[] Doubles(IEnumerable<float> numbers) => [.. numbers.Select(number => (double)number)];
}
