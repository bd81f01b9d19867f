using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;
using static Rl.Expr;

namespace Rl.Tests.Api;

/// <summary>Expressions in C#: values, gradients against finite differences, shapes in errors, no garbage.</summary>
public sealed class ExprTests
{
    private static readonly Expr X = Input("x", 3, 2);
    private static readonly Expr W = Input("w", 2, 4);

    /// <summary>Smooth functions of x [3, 2] and w [2, 4], each a number.</summary>
    public static TheoryData<string> Names => new(Functions.Keys);

    private static Dictionary<string, Expr> Functions { get; } = new()
    {
        ["polynomial"] = Sum((2 * X * X) - (X / 3) + 1 - (-X)),
        ["product"] = Mean(Square(MatMul(X, W) - 0.5)),
        ["softmax"] = Sum(LogSoftmax(MatMul(X, W)) * Softmax(MatMul(X, W))),
        ["logs"] = Mean(Log(Softplus(X)) + LogOnePlus(Square(X)) + Exp(-X) + ExpMinusOne(X)),
        ["waves"] = Sum(Sin(X) * Cos(X)) + Sum(Tanh(W)) + Mean(Sigmoid(W)),
        ["powers"] = Sum(Pow(Abs(X) + 1, 1.5)) + Sum(Pow(Square(X) + 2, Sigmoid(X)))
            + Sum(Reciprocal(Sqrt(Square(X) + 1))),
        ["activations"] = Sum(Elu(X)) + Sum(Gelu(X)) + Sum(Silu(X)) + Sum(Relu(X)),
        ["special"] = Sum(Erf(X)) + Sum(LogGamma(Square(X) + 1)) + Sum(Digamma(Square(X) + 1)),
        ["choices"] = Sum(Where(X > 0.1, Square(X), Exp(X))) + Sum(Clamp(X, -0.5, 0.5) * X)
            + Sum(Minimum(X, Transpose(Slice(Transpose(X), 0, 0, 2)) * 2) + Maximum(X, 0.3)),
        ["bounds"] = Sum(Clamp(X, -Square(Mean(W)) - 0.2, Constant(0.4))),
        ["axes"] = Sum(Square(Sum(X, 0))) + Sum(Square(Mean(X, 1, keep: true) * X)) + Sum(LogSumExp(W, 0)) + Max(W)
            + Min(X) + Sum(Max(W, 0)) + Sum(Min(W, 1, keep: true)),
        ["shapes"] = Sum(Square(Concat(0, X, X + 1)) * Reshape(Stack(0, X, X), 6, 2))
            + Dot(Reshape(X, -1), Constant([1, 2, 3, 4, 5, 6]))
            + Sum(BroadcastTo(ExpandAxis(Sum(W, 1), 0), 3, 2) * X) + Sum(Squeeze(Slice(X, 1, 0, 1), 1)),
    };

    [Fact]
    public void An_expression_reads_as_it_was_written()
    {
        var (a, b, c) = (Input("a"), Input("b"), Input("c"));
        Assert.Equal("a * (b + c) - 2", ((a * (b + c)) - 2).ToString());
        Assert.Equal("a - (b - c)", (a - (b - c)).ToString());
        Assert.Equal("a - b - c", (a - b - c).ToString());
        Assert.Equal("-(a + b) / c", (-(a + b) / c).ToString());
        Assert.Equal("tanh(x[3, 2] + 0.5) : [3, 2]", Tanh(X + 0.5).ToString());
        Assert.Equal("sum(x[3, 2] * x[3, 2])", Sum(X * X).ToString());
        Assert.Equal("matMul(x[3, 2], w[2, 4]) : [3, 4]", MatMul(X, W).ToString());
        Assert.Equal("x[3, 2]", X.ToString());
        Assert.Equal("sum(x[3, 2], axis 0) : [2]", Sum(X, 0).ToString());
        var deep = a;
        for (var level = 0; level < 300; level++)
        {
            deep = (deep * deep) + 1;
        }

        Assert.InRange(deep.ToString().Length, 10, 200);
        Assert.Contains("…", deep.ToString(), StringComparison.Ordinal);
        Assert.All(
            Functions.Values,
            function => Assert.DoesNotContain("Microsoft", function.ToString(), StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Gradients_are_what_finite_differences_say(string name)
    {
        var program = Functions[name].Compile<double>(X, W);
        var inputs = program.Inputs.ToDictionary(
            input => input.Name,
            input => Enumerable.Range(0, input.Shape.Aggregate(1, (product, length) => product * length))
                .Select(i => (0.37 * (i + 1)) - 1.1 + (input.Name == "w" ? 0.05 * i * i : 0)).ToArray());

        double Value()
        {
            foreach (var (input, values) in inputs)
            {
                program.Set(input, values);
            }

            program.Run();
            return program.Value[0];
        }

        foreach (var (input, values) in inputs)
        {
            for (var i = 0; i < values.Length; i++)
            {
                const double Step = 1e-5;
                var middle = values[i];
                values[i] = middle + Step;
                var above = Value();
                values[i] = middle - Step;
                var below = Value();
                values[i] = middle;
                Value();
                Assert.Equal((above - below) / (2 * Step), program.Gradient(input)[i], 1e-6);
            }
        }
    }

    [Fact]
    public void Second_derivatives_are_derivatives_of_derivatives()
    {
        var x = Input("x");
        var program = Exp(2 * x).Gradient(x).Gradient(x).Compile<double>();
        program.Set("x", 0.3);
        program.Run();
        Assert.Equal(4 * Math.Exp(0.6), program.Value[0], 1e-12);
    }

    [Fact]
    public void Comparisons_are_ones_and_zeros_and_indices_are_found()
    {
        var x = Input("x", 3);
        var program = Compile<float>(
        [
            ("less", x < 2), ("more", x > 2), ("atMost", x <= 2), ("atLeast", x >= 2), ("same", Equal(x, 2)),
            ("largest", ArgMax(x)), ("picked", Gather(x, 0, Constant([2, 0]))), ("sign", Sign(x - 2)),
            ("floor", Floor(x / 2)), ("full", Full(7, 2)),
        ]);
        program.Set("x", 1, 2, 3);
        program.Run();
        Assert.Equal([1, 0, 0], program.Output("less").ToArray());
        Assert.Equal([0, 0, 1], program.Output("more").ToArray());
        Assert.Equal([1, 1, 0], program.Output("atMost").ToArray());
        Assert.Equal([0, 1, 1], program.Output("atLeast").ToArray());
        Assert.Equal([0, 1, 0], program.Output("same").ToArray());
        Assert.Equal([2], program.Output("largest").ToArray());
        Assert.Equal([3, 1], program.Output("picked").ToArray());
        Assert.Equal([-1, 0, 1], program.Output("sign").ToArray());
        Assert.Equal([0, 1, 1], program.Output("floor").ToArray());
        Assert.Equal([7, 7], program.Output("full").ToArray());
        Assert.Equal(("less", 3), (program.Outputs[0].Name, program.Outputs[0].Shape[0]));
    }

    [Fact]
    public void What_is_stopped_has_no_derivative()
    {
        var x = Input("x", 2);
        var program = Sum(x * StopGradient(x)).Compile<double>(x);
        program.Set("x", 3, 5);
        program.Run();
        Assert.Equal([3, 5], program.Gradient("x").ToArray());
    }

    [Fact]
    public void A_run_allocates_nothing()
    {
        var program = Functions["product"].Compile<float>(X, W);
        var x = new float[6];
        program.Set("w", new float[8]);
        for (var i = 0; i < 100; i++)
        {
            Step(i);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1_000; i++)
        {
            Step(i);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void Step(int i)
        {
            x[0] = i;
            program.Set("x", x);
            program.Run();
            x[1] = program.Gradient("x")[0] + program.Value[0];
        }
    }

    [Fact]
    public void Errors_name_shapes_and_inputs()
    {
        Assert.Equal([3, 2], X.Shape);
        Says("[3, 2]", "[2, 4]", () => _ = X + W);
        Says("[3, 2]", "[3, 2]", () => MatMul(X, X));
        Says("[3, 2]", "Sum or Mean", () => X.Gradient(X));
        Says("Expr.Input", "no input", () => Sum(X).Compile<float>(X * 2));
        Says("output", "at least one", () => Compile<float>([]));
        var program = Sum(X).Compile<float>(X);
        Assert.Contains(
            "x was never set",
            Assert.Throws<InvalidOperationException>(program.Run).Message,
            StringComparison.Ordinal);
        Says("x", "6", () => program.Set("x", 1, 2));
        Says("y", "x", () => program.Set("y", 1, 2));
        Says("gradient of w", "gradient of x", () => program.Gradient("w"));
        Assert.Throws<NotSupportedException>(() => Sum(X).Compile<Half>());
        Assert.Throws<ArgumentNullException>(() => _ = X + null!);
        Assert.Throws<ArgumentException>(() => Constant([1, 2, 3], 2, 2));
    }

    private static void Says(string first, string second, Action action)
    {
        var message = Assert.ThrowsAny<ArgumentException>(action).Message;
        Assert.Contains(first, message, StringComparison.Ordinal);
        Assert.Contains(second, message, StringComparison.Ordinal);
    }
}
