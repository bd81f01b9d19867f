using System;
using Rl.Tutorial;

namespace Rl.Tests.Tutorial;

/// <summary>The solution with a gap filled in otherwise, as a student may have.</summary>
internal sealed class Slip(IExercise solution) : IExercise
{
    public delegate float Acting(float[] mean, float[] logDeviation, float[] noise, float[] action);

    public Action<Rollout, int, int, Transition>? Storing { get; init; }

    public Acting? Action { get; init; }

    public Func<Rollout, double, double, float[]>? Advantage { get; init; }

    public Func<float[], float[], double, double, float[]>? Descent { get; init; }

    public Func<LossBatch, LossOptions, double>? Losing { get; init; }

    public void Store(Rollout rollout, int time, int copy, Transition transition) =>
        (Storing ?? solution.Store)(rollout, time, copy, transition);

    public float Act(float[] mean, float[] logDeviation, float[] noise, float[] action) =>
        (Action ?? solution.Act)(mean, logDeviation, noise, action);

    public float[] Advantages(Rollout rollout, double discount, double lambda) =>
        (Advantage ?? solution.Advantages)(rollout, discount, lambda);

    public float[] Descend(float[] theta, float[] target, double learningRate, double maxGradientNorm) =>
        (Descent ?? solution.Descend)(theta, target, learningRate, maxGradientNorm);

    public double Loss(LossBatch batch, LossOptions options) => (Losing ?? solution.Loss)(batch, options);
}
