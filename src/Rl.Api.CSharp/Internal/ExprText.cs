using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Rl.Core.Autodiff;
using Rl.Core.Kernels;
using Node = Rl.Core.Autodiff.Expr;

namespace Rl.Internal;

/// <summary>Expressions as people write them: <c>mean(x * 2 + 1)</c>. What is repeated to a shape is written once, and
/// what is deep or long is left out as an ellipsis.</summary>
internal static class ExprText
{
    private const int MostDepth = 8;
    private const int MostLength = 160;
    private const string Omitted = "…";

    private const int OfSum = 1;
    private const int OfProduct = 2;
    private const int OfSign = 3;
    private const int OfCall = 4;

    /// <summary>The expression, and its shape where it is not one number.</summary>
    public static string Of(Node node)
    {
        var text = Text(node, MostDepth).Text;
        if (text.Length > MostLength)
        {
            text = $"{text[..MostLength]}{Omitted}";
        }

        return node.Rank == 0 || IsNamed(node) ? text : $"{text} : {Shape(node.Shape)}";
    }

    private static bool IsNamed(Node node) => node.Operation is Operation.Input;

    /// <summary>The text, and how strongly it binds.</summary>
    private static (string Text, int Binding) Text(Node node, int depth)
    {
        if (depth == 0)
        {
            return (Omitted, OfCall);
        }

        var arguments = node.Arguments;
        switch (node.Operation)
        {
            case Operation.Input input:
                return (node.Rank == 0 ? input.name : $"{input.name}{Shape(node.Shape)}", OfCall);
            case Operation.Constant constant:
                return Constant(constant.Item, node);
            case { IsIdentity: true } or Operation.Lane or { IsBroadcast: true }:
                return Text(arguments[0], depth);
            case { IsReshape: true } when IsAligned(node, arguments[0]):
                return Text(arguments[0], depth);
            case Operation.Unary { Item: UnaryOperation.Negate }:
                return ($"-{Within(arguments[0], OfSign, depth)}", OfSign);
            case Operation.Unary unary:
                return Call(Word(unary.Item.ToString()), arguments, depth);
            case Operation.Binary binary:
                return Binary(binary.Item, arguments, depth);
            case Operation.Ternary ternary:
                return Call(Word(ternary.Item.ToString()), arguments, depth);
            case Operation.Quaternary quaternary:
                return Call(Word(quaternary.Item.ToString()), arguments, depth);
            case Operation.Reduce reduce:
                var isAll = reduce.axes.Length == arguments[0].Rank;
                return Call(
                    Word(reduce.Item1.ToString()), arguments, depth, isAll ? "" : Named("axis", reduce.axes));
            case Operation.ArgMax argMax:
                return Call("argMax", arguments, depth, Named("axis", argMax.axis));
            case Operation.Transpose transpose:
                return Call("transpose", arguments, depth, Named("order", transpose.order));
            case Operation.Slice slice:
                var end = slice.start + node.Shape[slice.axis] - 1;
                return Call(
                    "slice", arguments, depth, Named("axis", slice.axis), Named("from", slice.start), Named("to", end));
            case Operation.Pad pad:
                return Call("pad", arguments, depth, Named("axis", pad.axis));
            case Operation.Concat concat:
                return Call("concat", arguments, depth, Named("axis", concat.axis));
            case Operation.Gather gather:
                return Call("gather", arguments, depth, Named("axis", gather.axis));
            case Operation.MatMul product:
                return Call(
                    "matMul", arguments, depth, product.transposeA ? "transposed first" : "",
                    product.transposeB ? "transposed second" : "");
            case { IsReshape: true }:
                return Call("reshape", arguments, depth, Shape(node.Shape));
            case { IsStopGradient: true }:
                return Call("stopGradient", arguments, depth);
            case var other:
                return Call(Word(other.GetType().Name), arguments, depth);
        }
    }

    private static (string Text, int Binding) Constant(Tensor tensor, Node node)
    {
        if (node.Count != 1)
        {
            return ($"constant{Shape(node.Shape)}", OfCall);
        }

        var value = tensor[0];
        return (value.ToString("G6", CultureInfo.InvariantCulture), value < 0 ? OfSign : OfCall);
    }

    private static (string Text, int Binding) Binary(BinaryOperation operation, Node[] arguments, int depth)
    {
        var (sign, binding) = operation switch
        {
            BinaryOperation.Add => ("+", OfSum),
            BinaryOperation.Subtract => ("-", OfSum),
            BinaryOperation.Multiply => ("*", OfProduct),
            BinaryOperation.Divide => ("/", OfProduct),
            _ => ("", OfCall),
        };
        if (sign.Length == 0)
        {
            return Call(Word(operation.ToString()), arguments, depth);
        }

        // a - (b - c) keeps its parentheses, (a - b) - c does not.
        var right = operation is BinaryOperation.Add or BinaryOperation.Multiply ? binding : binding + 1;
        return (
            $"{Within(arguments[0], binding, depth)} {sign} {Within(arguments[1], right, depth)}", binding);
    }

    private static string Within(Node node, int least, int depth)
    {
        var (text, binding) = Text(node, depth - 1);
        return binding < least ? $"({text})" : text;
    }

    private static (string Text, int Binding) Call(
        string name, IEnumerable<Node> arguments, int depth, params string[] more) =>
        ($"{name}({string.Join(", ", arguments.Select(argument => Text(argument, depth - 1).Text).Concat(
            more.Where(one => one.Length > 0)))})", OfCall);

    private static string Named(string name, params int[] values) => $"{name} {string.Join(", ", values)}";

    /// <summary>Whether a reshape only adds or leaves out axes of length 1.</summary>
    private static bool IsAligned(Node node, Node argument) =>
        node.Shape.Where(length => length != 1).SequenceEqual(argument.Shape.Where(length => length != 1));

    private static string Shape(IEnumerable<int> shape) => $"[{string.Join(", ", shape)}]";

    private static string Word(string name) => $"{char.ToLowerInvariant(name[0])}{name[1..]}";
}
