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
        throw new NotImplementedException("TODO 1");
        // end of TODO 1
    }

    /// <summary>Writes the action µ + σ · noise and gives log π(a|s), that of independent normal numbers.</summary>
    public static float Act(float[] mean, float[] logDeviation, float[] noise, float[] action)
    {
        // TODO 2: act
        throw new NotImplementedException("TODO 2");
        // end of TODO 2
    }

    /// <summary>Aₜ = δₜ + γλ Aₜ₊₁ with δₜ = rₜ + γ V(sₜ₊₁) − V(sₜ), a number a row. Nothing follows a task that
    /// terminated; the row after an episode that is over is of another episode.</summary>
    public static float[] Advantages(Rollout rollout, double discount, double lambda)
    {
        // TODO 3: advantage
        throw new NotImplementedException("TODO 3");
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
        throw new NotImplementedException("TODO 4");
        // end of TODO 4
    }

    /// <summary>L(θ) = mean(−min(ρA, clip(ρ, 1 − ε, 1 + ε)A) + c₁ · ½ (V − R)² − c₂ H) with ρ = π(a|s; θ) /
    /// π(a|s; θ_old).</summary>
    public static Expr Loss(LossInputs x, LossOptions options)
    {
        // TODO 5: loss
        throw new NotImplementedException("TODO 5");
        // end of TODO 5
    }
}
