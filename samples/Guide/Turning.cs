using System;
using Rl;

internal static class Turning
{
    public static void Run()
    {
        foreach (var finding in Environments.Check(() => new Dial()))
        {
            Console.WriteLine(finding);
        }

        var goals = Environments.Make("BitFlipping-v0");
        var reached = goals.ComputeReward(new float[15], new float[15]);
        Console.WriteLine($"{goals}: a goal that was reached pays {reached}.");
    }
}
