using System;
using System.Collections.Generic;
using System.Linq;
using System.Numerics;
using Rl.Core.Autodiff;
using Rl.Internal;

namespace Rl;

/// <summary>Compiled expressions: set the inputs, run, read the outputs. A run allocates nothing. Used by one thread at
/// a time.</summary>
/// <typeparam name="T"><see cref="float"/> or <see cref="double"/>.</typeparam>
/// <remarks>Made by <see cref="Expr.Compile{T}(Expr[])"/>.</remarks>
public sealed class ExprProgram<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    internal const string ValueName = "value";
    private readonly Program<T> program;
    private readonly HashSet<string> unset;
    private readonly Dictionary<string, string> gradients = [];

    internal ExprProgram(IReadOnlyList<(string Name, Expr Value)> outputs)
    {
        if (typeof(T) != typeof(float) && typeof(T) != typeof(double))
        {
            throw new NotSupportedException(
                $"Programs compute with float or double, not with {typeof(T).Name}.");
        }

        if (outputs.Count == 0)
        {
            throw new ArgumentException("A program needs an output; give at least one expression.", nameof(outputs));
        }

        program = ExprConvert.Compile<T>(outputs.Select(output => (output.Name, Expr.Of(output.Value))));
        Inputs = Array.AsReadOnly(ExprConvert.Shapes(program.Inputs));
        Outputs = Array.AsReadOnly(ExprConvert.Shapes(program.Outputs));
        unset = [.. Inputs.Select(input => input.Name)];
        foreach (var input in Inputs)
        {
            gradients[input.Name] = GradientName(input.Name);
        }
    }

    /// <summary>The names and shapes of what a run needs.</summary>
    public IReadOnlyList<(string Name, IReadOnlyList<int> Shape)> Inputs { get; }

    /// <summary>The names and shapes of what a run computes.</summary>
    public IReadOnlyList<(string Name, IReadOnlyList<int> Shape)> Outputs { get; }

    /// <summary>The elements of the expression after a run, row by row; valid until the next.</summary>
    /// <exception cref="ArgumentException">The program was made of named outputs.</exception>
    public ReadOnlySpan<T> Value => program.Output(ValueName);

    /// <summary>The gradient by an input after a run, in the input's shape; valid until the next run.</summary>
    /// <exception cref="ArgumentException">It was not compiled with the gradient of this input; the message lists what
    /// it has.</exception>
    public ReadOnlySpan<T> Gradient(string input) =>
        program.Output(gradients.TryGetValue(input, out var name) ? name : GradientName(input));

    /// <summary>The elements of a named output after a run, row by row; valid until the next.</summary>
    /// <exception cref="ArgumentException">There is no such output; the message lists those there are.</exception>
    public ReadOnlySpan<T> Output(string name) => program.Output(name);

    /// <summary>Sets an input, which stays until it is set again.</summary>
    /// <exception cref="ArgumentException">There is no such input, or it has another number of elements.</exception>
    public void Set(string name, params ReadOnlySpan<T> values)
    {
        program.Set(name, values);
        unset.Remove(name);
    }

    /// <summary>Computes the outputs of the inputs as they are.</summary>
    /// <exception cref="InvalidOperationException">An input was never set.</exception>
    public void Run()
    {
        if (unset.Count > 0)
        {
            throw new InvalidOperationException(
                $"The input {unset.First()} was never set; set it with Set(\"{unset.First()}\", …) before Run.");
        }

        program.Run();
    }

    /// <summary>What a run does, step by step, with its arithmetic and the bytes that it moves.</summary>
    public override string ToString() => program.Explain();

    internal static string GradientName(string input) => "gradient of " + input;
}
