using System;
using Rl;

internal static class Rates
{
    public static void Run()
    {
        var options = new PpoOptions
        {
            LearningRate = Schedule.Cosine(1e-3, 1e-5).WithWarmUp(0.02),
            ClipRange = 0.2,
            EntropyCoefficient = Schedule.Linear(0.01, 0, over: 0.5),
            TargetKl = Schedule.Piecewise(0.03, (0.5, 0.02), (0.9, 0.01)),
        };
        Console.WriteLine(options.LearningRate.At(share: 0.5));
        Console.WriteLine(options.LearningRate);       // warmup(0.02, cosine(0.001, 1E-05))
        options.Validate();
    }
}
