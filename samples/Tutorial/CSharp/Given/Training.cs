using System;
using System.Collections.Generic;
using System.Linq;
using static Rl.Expr;

namespace Rl.Tutorial;

/// <summary>Proximal policy optimisation around the five gaps: collecting, epochs of minibatches. Nothing is to be done
/// here; it shows where each gap is used.</summary>
internal sealed class Training
{
    private const int Copies = 8;
    private const int Steps = 256;
    private const int Epochs = 10;
    private const int Minibatch = 128;
    private const double Discount = 0.95;
    private const double Lambda = 0.95;
    private const double LearningRate = 1e-3;
    private const double MaxGradientNorm = 0.5;

    /// <summary>Rewards down to −16 a step would make the value's gradient drown the policy's.</summary>
    private const double RewardScale = 0.1;

    private static readonly LossOptions LossOptions = new(ClipRange: 0.2, ValueCoefficient: 0.5, EntropyCoefficient: 0);

    private readonly BuiltInEnvironment[] environments =
        [.. Enumerable.Range(0, Copies).Select(_ => Environments.Make("Pendulum-v1"))];

    private readonly Random random;
    private readonly Networks networks;
    private readonly int actions;
    private readonly ExprProgram<float> forward;
    private readonly ExprProgram<float> loss;
    private readonly Adam adam;
    private readonly float[] theta;
    private readonly float[] seen;
    private readonly double[] episodeReturns = new double[Copies];
    private readonly List<double> returns = [];

    /// <param name="seed">Decides all that is drawn.</param>
    public Training(int seed)
    {
        random = new Random(seed);
        actions = environments[0].ActionSpace.Size;
        networks = new(environments[0].ObservationSpace.Size, actions);
        forward = Forward();
        loss = Loss();
        adam = new(networks.Parameters, LearningRate);
        theta = networks.Start(random);
        seen = [.. environments.SelectMany((one, copy) => one.Reset((ulong)((seed * Copies) + copy)).ToArray())];
    }

    /// <summary>Trains for some environment steps.</summary>
    /// <param name="totalSteps">At least so many.</param>
    /// <param name="report">Told the steps and the mean return of the last hundred episodes, after each update.</param>
    /// <returns>The mean return of the last hundred episodes.</returns>
    public double Run(int totalSteps, Action<int, double> report)
    {
        for (var steps = Steps * Copies; steps < totalSteps + (Steps * Copies); steps += Steps * Copies)
        {
            Learn(Collect());
            report(steps, MeanReturn());
        }

        return MeanReturn();
    }

    private double MeanReturn() => returns.Count == 0 ? double.NaN : returns.TakeLast(100).Average();

    /// <summary>A rollout, by the gaps 1 and 2.</summary>
    private Rollout Collect()
    {
        var rollout = new Rollout(Steps, Copies, networks.Inputs, actions);
        for (var time = 0; time < Steps; time++)
        {
            var (means, logDeviation, values) = Forward(seen);
            var taken = new float[Copies][];
            var logProbabilities = new float[Copies];
            var results = new StepResult[Copies];
            var next = new float[seen.Length];
            for (var copy = 0; copy < Copies; copy++)
            {
                taken[copy] = new float[actions];
                float[] noise = [.. taken[copy].Select(_ => (float)Noise.Normal(random))];
                logProbabilities[copy] = Exercise.Act(
                    means[(copy * actions)..((copy + 1) * actions)], logDeviation, noise, taken[copy]);
                results[copy] = environments[copy].Step(taken[copy]);
                results[copy].Observation.CopyTo(next.AsMemory(copy * networks.Inputs));
            }

            var nextValues = Forward(next).Values;
            for (var copy = 0; copy < Copies; copy++)
            {
                Exercise.Store(rollout, time, copy, new Transition
                {
                    Observation = seen.AsMemory(copy * networks.Inputs, networks.Inputs),
                    Action = taken[copy],
                    LogProbability = logProbabilities[copy],
                    Value = values[copy],
                    Reward = (float)(RewardScale * results[copy].Reward),
                    NextValue = nextValues[copy],
                    Terminated = results[copy].Terminated,
                    Over = results[copy].IsOver,
                });
                Follow(copy, results[copy], next);
            }

            next.CopyTo(seen, 0);
        }

        return rollout;
    }

    /// <summary>Adds up the return, and begins another episode where one is over.</summary>
    private void Follow(int copy, StepResult result, float[] next)
    {
        episodeReturns[copy] += result.Reward;
        if (result.IsOver)
        {
            returns.Add(episodeReturns[copy]);
            episodeReturns[copy] = 0;
            environments[copy].Reset().CopyTo(next.AsMemory(copy * networks.Inputs));
        }
    }

    /// <summary>Epochs of minibatches, by the gaps 3, 4 and 5.</summary>
    private void Learn(Rollout rollout)
    {
        var advantages = Exercise.Advantages(rollout, Discount, Lambda);
        float[] goals = [.. advantages.Zip(rollout.Values, (advantage, value) => advantage + value)];
        int[] order = [.. Enumerable.Range(0, rollout.Rows)];
        for (var epoch = 0; epoch < Epochs; epoch++)
        {
            random.Shuffle(order);
            foreach (var rows in order.Chunk(Minibatch))
            {
                loss.Set("observations", Rows(rollout.Observations, rows, networks.Inputs));
                loss.Set("actions", Rows(rollout.Actions, rows, actions));
                loss.Set("logProbabilities", Rows(rollout.LogProbabilities, rows, 1));
                loss.Set("advantages", Standardised(Rows(advantages, rows, 1)));
                loss.Set("returns", Rows(goals, rows, 1));
                Exercise.Descend(loss, theta, adam, MaxGradientNorm);
            }
        }
    }

    private (float[] Means, float[] LogDeviation, float[] Values) Forward(float[] observations)
    {
        forward.Set("theta", theta);
        forward.Set("observations", observations);
        forward.Run();
        return (
            forward.Output("mean").ToArray(),
            forward.Output("logDeviation").ToArray(),
            forward.Output("value").ToArray());
    }

    private ExprProgram<float> Forward()
    {
        var (mean, logDeviation, value) = networks.Apply(
            Input("theta", networks.Parameters), Input("observations", Copies, networks.Inputs));
        return Compile<float>([("mean", mean), ("logDeviation", logDeviation), ("value", value)]);
    }

    private ExprProgram<float> Loss()
    {
        var parameters = Input("theta", networks.Parameters);
        var (mean, logDeviation, value) = networks.Apply(parameters, Input("observations", Minibatch, networks.Inputs));
        var distance = (Input("actions", Minibatch, actions) - mean) / Exp(logDeviation);
        var constant = 0.5 * Math.Log(2 * Math.PI);
        var inputs = new LossInputs(
            LogProbability: Sum(-(0.5 * Square(distance)) - logDeviation - constant, axis: 1),
            OldLogProbability: Input("logProbabilities", Minibatch),
            Advantage: Input("advantages", Minibatch),
            Value: value,
            Return: Input("returns", Minibatch),
            Entropy: BroadcastTo(Sum(logDeviation + 0.5 + constant), Minibatch));
        return Exercise.Loss(inputs, LossOptions).Compile<float>(parameters);
    }

    private static float[] Rows(float[] column, int[] rows, int width) =>
        [.. rows.SelectMany(row => new ArraySegment<float>(column, row * width, width))];

    private static float[] Standardised(float[] numbers)
    {
        var mean = numbers.Average();
        var deviation = MathF.Sqrt(numbers.Sum(number => (number - mean) * (number - mean)) / (numbers.Length - 1));
        return [.. numbers.Select(number => (number - mean) / (deviation + 1e-8f))];
    }
}
