extern alias FSharpSolution;

using System;
using System.Linq;
using Rl.Tutorial;
using Xunit;

namespace Rl.Tests.Tutorial;

/// <summary>What the checks say of the mistakes that people make, each written here on its own.</summary>
public sealed class SlipTests
{
    private static IExercise Solution => FSharpSolution::Rl.Tutorial.Numbers.exercise;

    [Fact]
    public void A_row_of_another_order_is_told() =>
        Told(
            1,
            "Copy n at time t has row t · N + n",
            new(Solution)
            {
                Storing = (rollout, time, copy, step) =>
                    Write(rollout, copy * rollout.Steps + time, step),
            });

    [Fact]
    public void A_part_that_is_not_stored_is_named() =>
        Told(
            1,
            "NextValues of the rollout is never written",
            new(Solution)
            {
                Storing = (rollout, time, copy, step) =>
                    Write(rollout, time * rollout.Copies + copy, step with { NextValue = 0 }),
            });

    [Fact]
    public void An_end_that_is_stored_as_the_other_kind_is_named() =>
        Told(
            1,
            "Terminated: number 3",
            new(Solution)
            {
                Storing = (rollout, time, copy, step) =>
                    Write(rollout, time * rollout.Copies + copy, step with { Terminated = step.Over }),
            });

    [Theory]
    [InlineData(false, false, "nothing is explored")]
    [InlineData(true, true, "σ is its exponential")]
    public void Noise_that_is_not_that_of_the_policy_is_told(bool hasNoise, bool isLogarithm, string says) =>
        Told(
            2,
            says,
            new(Solution)
            {
                Action = (mean, log, noise, action) =>
                {
                    for (var i = 0; i < mean.Length; i++)
                    {
                        action[i] = mean[i] + (hasNoise ? noise[i] * (isLogarithm ? log[i] : MathF.Exp(log[i])) : 0);
                    }

                    return 0;
                },
            });

    [Theory]
    [InlineData(0.5, 1, 0, "lacks −½ ln 2π")]
    [InlineData(0.5, 0, 1, "lacks −ln σ")]
    [InlineData(0.5, -1, 1, "+ln σ")]
    [InlineData(1, 1, 1, "exponent of the normal density")]
    public void A_density_that_is_not_the_normal_one_is_told(
        float square, float deviation, float constant, string says) =>
        Told(
            2,
            says,
            new(Solution)
            {
                Action = (mean, log, noise, action) =>
                {
                    Solution.Act(mean, log, noise, action);
                    return noise.Zip(log, (z, l) =>
                        -square * z * z - deviation * l - constant * 0.5f * MathF.Log(2 * MathF.PI)).Sum();
                },
            });

    [Theory]
    [InlineData(false, true, 0.95, "the task ended there")]
    [InlineData(true, false, 0.95, "through the ends of episodes")]
    [InlineData(true, true, 1, "λ is missing")]
    public void An_advantage_that_heeds_no_end_or_no_lambda_is_told(
        bool stopsValue, bool stopsSum, double lambda, string says) =>
        Told(
            3,
            says,
            new(Solution)
            {
                Advantage = (rollout, discount, given) =>
                    Backwards(rollout, discount, lambda == 1 ? 1 : given, stopsValue, stopsSum),
            });

    [Fact]
    public void An_advantage_that_takes_a_time_limit_for_an_end_is_told() =>
        Told(
            3,
            "only the time was up",
            new(Solution)
            {
                Advantage = (rollout, discount, lambda) =>
                {
                    rollout.Over.CopyTo(rollout.Terminated, 0);
                    return Solution.Advantages(rollout, discount, lambda);
                },
            });

    [Fact]
    public void Returns_instead_of_advantages_are_told() =>
        Told(
            3,
            "These are the returns",
            new(Solution)
            {
                Advantage = (rollout, discount, lambda) =>
                [
                    .. Solution.Advantages(rollout, discount, lambda)
                        .Zip(rollout.Values, (advantage, value) => advantage + value),
                ],
            });

    [Theory]
    [InlineData(-0.1, true, "up the gradient")]
    [InlineData(0.1, false, "not scaled down")]
    [InlineData(0, true, "does not move")]
    public void A_step_the_wrong_way_or_too_far_is_told(double along, bool isScaled, string says) =>
        Told(
            4,
            says,
            new(Solution)
            {
                Descent = (theta, target, _, largest) =>
                {
                    var slope = theta.Zip(target, (x, y) => x - y).ToArray();
                    var scale = isScaled ? Math.Min(1, largest / Math.Sqrt(slope.Sum(number => number * number))) : 1;
                    return [.. theta.Zip(slope, (x, g) => (float)(x - along * scale * g))];
                },
            });

    [Theory]
    [InlineData(true, 1, -1, "wrong sign: it is minimised")]
    [InlineData(false, 1, 1, "not clipped")]
    [InlineData(true, -1, 1, "The entropy is punished")]
    public void A_loss_with_a_wrong_sign_or_without_clipping_is_told(bool clips, int bonus, int policy, string says) =>
        Told(
            5,
            says,
            new(Solution)
            {
                Losing = (batch, options) => Enumerable.Range(0, batch.Values.Length).Average(i =>
                {
                    double advantage = batch.Advantages[i], error = batch.Values[i] - batch.Returns[i];
                    var ratio = Math.Exp(batch.LogProbabilities[i] - batch.OldLogProbabilities[i]);
                    var least = Math.Min(1 + options.ClipRange, Math.Max(1 - options.ClipRange, ratio));
                    var gain = clips ? Math.Min(ratio * advantage, least * advantage) : ratio * advantage;
                    return -policy * gain + options.ValueCoefficient * error * error / 2
                        - bonus * options.EntropyCoefficient * batch.Entropies[i];
                }),
            });

    [Fact]
    public void What_a_gap_throws_is_told() =>
        Told(
            5,
            "It throws InvalidOperationException: so it goes",
            new(Solution) { Losing = (_, _) => throw new InvalidOperationException("so it goes") });

    [Fact]
    public void Too_few_numbers_and_none_that_are_numbers_are_told()
    {
        Told(3, "there are 0 numbers, and there should be 10", new(Solution) { Advantage = (_, _, _) => [] });
        Told(5, "The loss is NaN", new(Solution) { Losing = (_, _) => double.NaN });
    }

    private static void Told(int todo, string says, Slip slip)
    {
        var findings = Lesson.Check(slip);
        Assert.All(
            findings,
            finding => Assert.Equal(finding.Todo == todo ? Standing.Wrong : Standing.Right, finding.Standing));
        Assert.Contains(says, findings[todo - 1].Says, StringComparison.Ordinal);
    }

    private static void Write(Rollout rollout, int row, Transition step)
    {
        step.Observation.CopyTo(rollout.Observations.AsMemory(row * rollout.ObservationSize));
        step.Action.CopyTo(rollout.Actions.AsMemory(row * rollout.ActionSize));
        rollout.LogProbabilities[row] = step.LogProbability;
        rollout.Values[row] = step.Value;
        rollout.Rewards[row] = step.Reward;
        rollout.NextValues[row] = step.NextValue;
        rollout.Terminated[row] = step.Terminated;
        rollout.Over[row] = step.Over;
    }

    private static float[] Backwards(
        Rollout rollout, double discount, double lambda, bool stopsValue, bool stopsSum)
    {
        var result = new float[rollout.Rows];
        for (var copy = 0; copy < rollout.Copies; copy++)
        {
            var rest = 0.0;
            for (var time = rollout.Steps - 1; time >= 0; time--)
            {
                var row = time * rollout.Copies + copy;
                var next = stopsValue && rollout.Terminated[row] ? 0 : rollout.NextValues[row];
                rest = stopsSum && rollout.Over[row] ? 0 : rest;
                rest = rollout.Rewards[row] + discount * next - rollout.Values[row] + discount * lambda * rest;
                result[row] = (float)rest;
            }
        }

        return result;
    }
}
