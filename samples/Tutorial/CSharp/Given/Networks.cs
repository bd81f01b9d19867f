using System;
using System.Collections.Generic;
using System.Linq;
using static Rl.Expr;

namespace Rl.Tutorial;

/// <summary>µ(s; θ), ln σ and V(s; θ), whose parameters lie in one vector θ: two layers of tanh units for the actor and
/// two for the critic.</summary>
internal sealed class Networks
{
    private const int Units = 64;
    private readonly List<(int Inputs, int Outputs, double Scale)> layers = [];
    private readonly int actions;

    /// <param name="inputs">Numbers of an observation.</param>
    /// <param name="actions">Numbers of an action.</param>
    public Networks(int inputs, int actions)
    {
        this.actions = actions;
        Inputs = inputs;
        layers.AddRange([(inputs, Units, 1), (Units, Units, 1), (Units, actions, 0.01)]);
        layers.AddRange([(inputs, Units, 1), (Units, Units, 1), (Units, 1, 1)]);
        Parameters = layers.Sum(layer => Size(layer.Inputs, layer.Outputs)) + actions;
    }

    /// <summary>Numbers of an observation.</summary>
    public int Inputs { get; }

    /// <summary>The length of θ.</summary>
    public int Parameters { get; }

    /// <summary>θ at the start: weights of variance 1/inputs, small ones before µ, biases and ln σ of 0.</summary>
    public float[] Start(Random random)
    {
        var theta = new float[Parameters];
        var at = 0;
        foreach (var (inputs, outputs, scale) in layers)
        {
            for (var i = 0; i < inputs * outputs; i++)
            {
                theta[at + i] = (float)(scale * Noise.Normal(random) / Math.Sqrt(inputs));
            }

            at += Size(inputs, outputs);
        }

        return theta;
    }

    /// <summary>µ [M, actions], ln σ [actions] and V [M] of observations [M, inputs].</summary>
    public (Expr Mean, Expr LogDeviation, Expr Value) Apply(Expr theta, Expr observations)
    {
        var at = 0;
        Expr Dense(int layer, Expr x)
        {
            var (inputs, outputs, _) = layers[layer];
            var weights = Reshape(Slice(theta, 0, at, at + (inputs * outputs)), inputs, outputs);
            var biases = Slice(theta, 0, at + (inputs * outputs), at + Size(inputs, outputs));
            at += Size(inputs, outputs);
            return MatMul(x, weights) + biases;
        }

        var mean = Dense(2, Tanh(Dense(1, Tanh(Dense(0, observations)))));
        var value = Dense(5, Tanh(Dense(4, Tanh(Dense(3, observations)))));
        return (mean, Slice(theta, 0, at, at + actions), Reshape(value, observations.Shape[0]));
    }

    private static int Size(int inputs, int outputs) => (inputs + 1) * outputs;
}
