using System;
using Rl;
using static Rl.Expr;

internal static class Deriving
{
    public static void Run()
    {
        var (x, w) = (Input("x", 8, 3), Input("w", 3, 1));
        var loss = Mean(Softplus(-MatMul(x, w)));
        var program = loss.Compile<float>(gradientsOf: w);
        program.Set("x", new float[24]);
        program.Set("w", 0.1f, 0.2f, 0.3f);
        program.Run();
        Console.WriteLine($"loss {program.Value[0]}, slope {program.Gradient("w")[0]}");
    }
}
