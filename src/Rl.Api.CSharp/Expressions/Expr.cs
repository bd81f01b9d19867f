using System;
using System.Collections.Generic;
using System.Linq;
using System.Numerics;
using Rl.Core.Autodiff;

namespace Rl;

/// <summary>An expression of arrays of numbers: immutable, with a shape, differentiable, and compiled to fast
/// code.</summary>
/// <remarks>
/// Operators and functions check shapes when they are called and broadcast by NumPy's rule; nothing is computed until
/// a program that <see cref="Compile{T}(Expr[])"/> makes runs. A derivative is an expression too, so derivatives nest.
/// Comparisons give 1 where they hold and 0 elsewhere. For <c>Exp(x)</c> instead of <c>Expr.Exp(x)</c> write
/// <c>using static Rl.Expr;</c>.
/// </remarks>
public sealed partial class Expr
{
    internal Expr(Core.Autodiff.Expr node)
    {
        Node = node;
        Shape = Array.AsReadOnly(node.Shape);
    }

    /// <summary>The lengths of its axes; empty for one number.</summary>
    public IReadOnlyList<int> Shape { get; }

    /// <summary>The number of its elements.</summary>
    public int Count => Node.Count;

    internal Core.Autodiff.Expr Node { get; }

    /// <summary>A value that a program is given by name.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="shape">Its lengths; none for one number.</param>
    public static Expr Input(string name, params int[] shape)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(shape);
        return new(ExprModule.input(name, [.. shape]));
    }

    /// <summary>One number.</summary>
    public static Expr Constant(double value) => new(ExprModule.number(value));

    /// <summary>Numbers, row by row.</summary>
    /// <param name="values">As many as the shape has.</param>
    /// <param name="shape">Their lengths; a vector without any.</param>
    /// <exception cref="ArgumentException">There are more or fewer values than the shape has.</exception>
    public static Expr Constant(IReadOnlyList<double> values, params int[] shape)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(shape);
        int[] sizes = shape.Length == 0 ? [values.Count] : [.. shape];
        return new(ExprModule.constant(TensorModule.create(sizes, [.. values])));
    }

    /// <summary>The same number in every element of a shape.</summary>
    public static Expr Full(double value, params int[] shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return new(ExprModule.full([.. shape], value));
    }

    /// <summary>The derivatives of this number by each element of another expression that it is computed from, as an
    /// expression with the shape of that one.</summary>
    /// <param name="of">For example an <see cref="Input"/>.</param>
    /// <exception cref="ArgumentException">This is not one number; take its <see cref="Sum(Expr)"/> or
    /// <see cref="Mean(Expr)"/>.</exception>
    public Expr Gradient(Expr of) => Gradients(of)[0];

    /// <summary>The derivatives of this number by several expressions, whose common work is done once.</summary>
    /// <param name="of">For example some <see cref="Input"/>s.</param>
    /// <exception cref="ArgumentException">This is not one number; take its <see cref="Sum(Expr)"/> or
    /// <see cref="Mean(Expr)"/>.</exception>
    public IReadOnlyList<Expr> Gradients(params Expr[] of)
    {
        ArgumentNullException.ThrowIfNull(of);
        return Count == 1 && Shape.Count == 0
            ? [.. Diff.gradients(Node, [.. of.Select(Of)]).Select(gradient => new Expr(gradient))]
            : throw new ArgumentException(
                $"The expression has the shape {ShapeModule.print(Node.Shape)}, and a gradient is that of one number; "
                + "take its Sum or Mean first.",
                nameof(of));
    }

    /// <summary>Compiles it, with its gradients by some inputs, to a program.</summary>
    /// <typeparam name="T"><see cref="float"/>, as training computes, or <see cref="double"/>.</typeparam>
    /// <param name="gradientsOf">The inputs for <see cref="ExprProgram{T}.Gradient"/>; with any, this must be one
    /// number.</param>
    /// <exception cref="ArgumentException">This is not one number, or a gradient is asked for by what is no
    /// <see cref="Input"/>.</exception>
    public ExprProgram<T> Compile<T>(params Expr[] gradientsOf)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(gradientsOf);
        var names = gradientsOf.Select(InputName).ToArray();
        var gradients = gradientsOf.Length == 0 ? [] : Gradients(gradientsOf);
        return new(
        [
            (ExprProgram<T>.ValueName, this),
            .. names.Zip(gradients, (name, gradient) => (ExprProgram<T>.GradientName(name), gradient)),
        ]);
    }

    /// <summary>Compiles several expressions to one program, which computes what they share once.</summary>
    /// <typeparam name="T"><see cref="float"/>, as training computes, or <see cref="double"/>.</typeparam>
    /// <param name="outputs">Each expression with its name, for <see cref="ExprProgram{T}.Output"/>.</param>
    /// <exception cref="ArgumentException">There are none, or two have one name.</exception>
    public static ExprProgram<T> Compile<T>(IReadOnlyList<(string Name, Expr Value)> outputs)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(outputs);
        return new(outputs);
    }

    /// <summary>The expression as people write it, with its shape where it is not one number: <c>mean(x * 2 +
    /// 1)</c>. What is deep or long is left out.</summary>
    public override string ToString() => Internal.ExprText.Of(Node);

    /// <summary>The node of an argument.</summary>
    internal static Core.Autodiff.Expr Of(Expr expression) =>
        expression?.Node ?? throw new ArgumentNullException(nameof(expression), "An expression is null.");

    private static string InputName(Expr expression) =>
        Of(expression).Operation is Operation.Input input
            ? input.name
            : throw new ArgumentException(
                $"A gradient is asked for by {expression}, which is no input; make it with Expr.Input, or compile "
                + "Gradient as an output of its own.");
}
