using System;
using Rl;

internal static class OwnLayers
{
    public static void Run()
    {
        var network = Network.Of(n => n
            .Branch("camera", b => b.Convolution(16, 3, stride: 2).Flatten().Dense(64))
            .Branch("state", b => b.Dense(32))
            .Dense(64)
            .Residual(r => r.Dense(64).Linear(64))
            .LayerNormalisation());
        var options = new PpoOptions { Network = network };
        options.Validate();
        Console.WriteLine(network);
    }
}
