using System;
using static Rl.Expr;

namespace Rl.Tutorial;

/// <summary>The five gaps of proximal policy optimisation (Schulman et al. 2017; slides 7, 14, 15, 20 and 26), in the
/// order in which a training step meets them. What stands around them is in Given/Training.cs.</summary>
internal static class Exercise
{
    /// <summary>Writes a step of a copy into its row of the rollout: row t · N + n.</summary>
    public static void Store(Rollout rollout, int time, int copy, Transition transition)
    {
        // TODO 1: store data
        var row = (time * rollout.Copies) + copy;
        transition.Observation.CopyTo(rollout.Observations.AsMemory(row * rollout.ObservationSize));
        transition.Action.CopyTo(rollout.Actions.AsMemory(row * rollout.ActionSize));
        rollout.LogProbabilities[row] = transition.LogProbability;
        rollout.Values[row] = transition.Value;
        rollout.Rewards[row] = transition.Reward;
        rollout.NextValues[row] = transition.NextValue;
        rollout.Terminated[row] = transition.Terminated;
        rollout.Over[row] = transition.Over;
        // end of TODO 1
    }

    /// <summary>Writes the action µ + σ · noise and gives log π(a|s), that of independent normal numbers.</summary>
    public static float Act(float[] mean, float[] logDeviation, float[] noise, float[] action)
    {
        // TODO 2: act
        var logProbability = 0f;
        for (var i = 0; i < mean.Length; i++)
        {
            action[i] = mean[i] + (MathF.Exp(logDeviation[i]) * noise[i]);
            logProbability -= (0.5f * noise[i] * noise[i]) + logDeviation[i] + (0.5f * MathF.Log(2 * MathF.PI));
        }

        return logProbability;
        // end of TODO 2
    }

    /// <summary>Aₜ = δₜ + γλ Aₜ₊₁ with δₜ = rₜ + γ V(sₜ₊₁) − V(sₜ), a number a row. Nothing follows a task that
    /// terminated; the row after an episode that is over is of another episode.</summary>
    public static float[] Advantages(Rollout rollout, double discount, double lambda)
    {
        // TODO 3: advantage
        var result = new float[rollout.Rows];
        for (var row = rollout.Rows - 1; row >= 0; row--)
        {
            var next = rollout.Terminated[row] ? 0 : rollout.NextValues[row];
            var delta = rollout.Rewards[row] + (discount * next) - rollout.Values[row];
            var isLast = row + rollout.Copies >= rollout.Rows;
            var rest = isLast || rollout.Over[row] ? 0 : result[row + rollout.Copies];
            result[row] = (float)(delta + (discount * lambda * rest));
        }

        return result;
        // end of TODO 3
    }

    /// <summary>One step of an optimiser down the gradient of a loss by its input "theta", which is scaled down to a
    /// largest norm.</summary>
    /// <param name="loss">The compiled loss; all its inputs but "theta" are set.</param>
    /// <param name="theta">θ, which the step changes.</param>
    /// <param name="optimiser">What makes a step of a gradient.</param>
    /// <param name="maxGradientNorm">The largest norm.</param>
    public static void Descend(ExprProgram<float> loss, float[] theta, IOptimiser optimiser, double maxGradientNorm)
    {
        // TODO 4: gradient
        loss.Set("theta", theta);
        loss.Run();
        var gradient = loss.Gradient("theta").ToArray();
        var squares = 0.0;
        foreach (var slope in gradient)
        {
            squares += slope * slope;
        }

        var scale = Math.Min(1, maxGradientNorm / (Math.Sqrt(squares) + 1e-6));
        for (var i = 0; i < gradient.Length; i++)
        {
            gradient[i] *= (float)scale;
        }

        optimiser.Step(theta, gradient);
        // end of TODO 4
    }

    /// <summary>L(θ) = mean(−min(ρA, clip(ρ, 1 − ε, 1 + ε)A) + c₁ · ½ (V − R)² − c₂ H) with ρ = π(a|s; θ) /
    /// π(a|s; θ_old).</summary>
    public static Expr Loss(LossInputs x, LossOptions options)
    {
        // TODO 5: loss
        var ratio = Exp(x.LogProbability - x.OldLogProbability);
        var clipped = Clamp(ratio, 1 - options.ClipRange, 1 + options.ClipRange);
        var policy = -Minimum(ratio * x.Advantage, clipped * x.Advantage);
        var value = 0.5 * Square(x.Value - x.Return);
        return Mean(policy + (options.ValueCoefficient * value) - (options.EntropyCoefficient * x.Entropy));
        // end of TODO 5
    }
}
