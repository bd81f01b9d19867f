using System;
using System.Linq;

namespace Rl.Tutorial;

/// <summary>TODO 5: whether the loss is PPO's.</summary>
internal static class LossCheck
{
    private static readonly LossOptions Options = new(ClipRange: 0.2, ValueCoefficient: 0.5, EntropyCoefficient: 0.03);

    // Probabilities that have grown and shrunk beyond the range, with advantages of either sign.
    private static readonly LossBatch Batch = new(
        LogProbabilities: [-0.5f, -1.4f, -0.9f, -1.6f, -1.02f],
        OldLogProbabilities: [-1, -1, -1.2f, -1.1f, -1],
        Advantages: [1.5f, 0.7f, -0.8f, -1.1f, 0.4f],
        Values: [0.2f, 1.1f, -0.4f, 0.9f, 2],
        Returns: [1, 0.5f, 0.3f, 0.7f, 1.2f],
        Entropies: [1.1f, 0.9f, 1.3f, 1, 1.2f]);

    private static double Low => 1 - Options.ClipRange;

    private static double High => 1 + Options.ClipRange;

    private static double Value => Mean(i => Math.Pow(Batch.Values[i] - Batch.Returns[i], 2) / 2);

    private static double Entropy => Mean(i => Batch.Entropies[i]);

    public static string? Run(IExercise exercise)
    {
        var surrogate = Mean(i => -Math.Min(Ratio(i) * Advantage(i), Clipped(i) * Advantage(i)));
        double value = Options.ValueCoefficient, bonus = Options.EntropyCoefficient;
        double Whole(double policy) => policy + value * Value - bonus * Entropy;
        Mistake Said(string says, double loss) => new(says, [loss]);
        return Mistake.Explain(
            "The loss",
            [Whole(surrogate)],
            [exercise.Loss(Batch, Options)],
            Said("The policy's part has the wrong sign: it is minimised, so it is −min(…).", Whole(-surrogate)),
            Said(
                "The ratio is not clipped: the smaller of ρA and clip(ρ, 1 − ε, 1 + ε)A counts.",
                Whole(Mean(i => -Ratio(i) * Advantage(i)))),
            Said(
                "Only the clipped ratio counts. The smaller of ρA and clip(ρ, 1 − ε, 1 + ε)A does.",
                Whole(Mean(i => -Clipped(i) * Advantage(i)))),
            Said(
                "The larger of ρA and clip(ρ)A is taken, and it should be the smaller.",
                Whole(Mean(i => -Math.Max(Ratio(i) * Advantage(i), Clipped(i) * Advantage(i))))),
            Said(
                "The ratio is upside down: ρ = exp(log π − log π_old).",
                Whole(Mean(i => -Surrogate(1 / Ratio(i), Advantage(i))))),
            Said(
                "The ratio lacks its exponential: ρ = exp(log π − log π_old).",
                Whole(Mean(i => -Surrogate(Math.Log(Ratio(i)), Advantage(i))))),
            Said(
                "The policy's part is −log π · A, which holds for one step only: after it, use the ratio to π_old, "
                + "clipped.",
                Whole(Mean(i => -Batch.LogProbabilities[i] * Advantage(i)))),
            Said("The entropy is punished: its bonus is subtracted.", surrogate + value * Value + bonus * Entropy),
            Said("The entropy bonus is missing.", surrogate + value * Value),
            Said("The value's loss is missing.", surrogate - bonus * Entropy),
            Said("The value's loss lacks its weight c₁.", surrogate + Value - bonus * Entropy),
            Said(
                "The value's loss is ½ (V − R)²: the half is missing.",
                surrogate + 2 * value * Value - bonus * Entropy),
            Said("The value's loss has the wrong sign.", surrogate - value * Value - bonus * Entropy),
            Said("The samples are summed; take their mean.", Batch.Advantages.Length * Whole(surrogate)),
            Said("The loss is 0.", 0));
    }

    private static double Ratio(int i) => Math.Exp(Batch.LogProbabilities[i] - Batch.OldLogProbabilities[i]);

    private static double Clipped(int i) => Math.Clamp(Ratio(i), Low, High);

    private static double Advantage(int i) => Batch.Advantages[i];

    private static double Surrogate(double ratio, double advantage) =>
        Math.Min(ratio * advantage, Math.Clamp(ratio, Low, High) * advantage);

    private static double Mean(Func<int, double> number) =>
        Enumerable.Range(0, Batch.Advantages.Length).Average(number);
}
