using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Core.Autodiff;

namespace Rl;

/// <content>Reductions, products of matrices, and other shapes. An axis below 0 counts from the last.</content>
public sealed partial class Expr
{
    /// <summary>Σ over all elements, one number.</summary>
    public static Expr Sum(Expr x) => new(ExprModule.sum(Of(x)));

    /// <summary>Σ over an axis.</summary>
    /// <param name="x">The expression.</param>
    /// <param name="axis">The axis.</param>
    /// <param name="keep">Whether the axis stays, with length 1.</param>
    public static Expr Sum(Expr x, int axis, bool keep = false) =>
        new(keep ? ExprModule.sumKeep([axis], Of(x)) : ExprModule.sumOver([axis], Of(x)));

    /// <summary>The mean over all elements, one number.</summary>
    public static Expr Mean(Expr x) => new(ExprModule.mean(Of(x)));

    /// <summary>The mean over an axis.</summary>
    /// <param name="x">The expression.</param>
    /// <param name="axis">The axis.</param>
    /// <param name="keep">Whether the axis stays, with length 1.</param>
    public static Expr Mean(Expr x, int axis, bool keep = false) =>
        new(keep ? ExprModule.meanKeep([axis], Of(x)) : ExprModule.meanOver([axis], Of(x)));

    /// <summary>The largest over all elements, one number.</summary>
    public static Expr Max(Expr x) => new(ExprModule.max(Of(x)));

    /// <summary>The largest over an axis.</summary>
    /// <param name="x">The expression.</param>
    /// <param name="axis">The axis.</param>
    /// <param name="keep">Whether the axis stays, with length 1.</param>
    public static Expr Max(Expr x, int axis, bool keep = false) =>
        new(keep ? ExprModule.maxKeep([axis], Of(x)) : ExprModule.maxOver([axis], Of(x)));

    /// <summary>The smallest of all elements, one number.</summary>
    public static Expr Min(Expr x) => -Max(-x);

    /// <summary>The smallest over an axis.</summary>
    /// <param name="x">The expression.</param>
    /// <param name="axis">The axis.</param>
    /// <param name="keep">Whether the axis stays, with length 1.</param>
    public static Expr Min(Expr x, int axis, bool keep = false) => -Max(-x, axis, keep);

    /// <summary>The first index of the largest element along an axis, which is dropped, as a number; no
    /// derivative.</summary>
    public static Expr ArgMax(Expr x, int axis = -1) => new(ExprModule.argMax(axis, Of(x)));

    /// <summary>ln Σ eˣ over an axis, which is dropped; the largest element is taken out first.</summary>
    public static Expr LogSumExp(Expr x, int axis = -1) => new(ExprModule.logSumExp(axis, Of(x)));

    /// <summary>eˣ / Σ eˣ along an axis.</summary>
    public static Expr Softmax(Expr x, int axis = -1) => new(ExprModule.softmax(axis, Of(x)));

    /// <summary>x − ln Σ eˣ along an axis.</summary>
    public static Expr LogSoftmax(Expr x, int axis = -1) => new(ExprModule.logSoftmax(axis, Of(x)));

    /// <summary>The product of matrices: over the last two axes, [n, k] · [k, m] → [n, m]; axes before them
    /// broadcast.</summary>
    public static Expr MatMul(Expr left, Expr right) => new(ExprModule.matmul(Of(left), Of(right)));

    /// <summary>Σ aᵢ bᵢ of two expressions of one shape.</summary>
    public static Expr Dot(Expr left, Expr right) => new(ExprModule.dot(Of(left), Of(right)));

    /// <summary>The last two axes exchanged.</summary>
    public static Expr Transpose(Expr x) => new(ExprModule.transpose(Of(x)));

    /// <summary>The same elements, row by row, in another shape; one length may be −1: whatever is left.</summary>
    public static Expr Reshape(Expr x, params int[] shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return new(ExprModule.reshape([.. shape], Of(x)));
    }

    /// <summary>To a larger shape by NumPy's rule.</summary>
    public static Expr BroadcastTo(Expr x, params int[] shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return new(ExprModule.broadcastTo([.. shape], Of(x)));
    }

    /// <summary>The elements start … stop − 1 along an axis.</summary>
    public static Expr Slice(Expr x, int axis, int start, int stop) => new(ExprModule.slice(axis, start, stop, Of(x)));

    /// <summary>An axis of length 1 more, at a place.</summary>
    public static Expr ExpandAxis(Expr x, int axis) => new(ExprModule.expandAxis(axis, Of(x)));

    /// <summary>Without an axis of length 1.</summary>
    public static Expr Squeeze(Expr x, int axis) => new(ExprModule.squeeze(axis, Of(x)));

    /// <summary>Joined along an axis; all other lengths must agree.</summary>
    public static Expr Concat(int axis, params Expr[] parts) => new(ExprModule.concat(axis, Nodes(parts)));

    /// <summary>Joined along a new axis; the shapes must be equal.</summary>
    public static Expr Stack(int axis, params Expr[] parts) => new(ExprModule.stack(axis, Nodes(parts)));

    /// <summary>y[…, j, …] = x[…, index[…, j, …], …] along an axis; the index has the rank of x and no
    /// derivative.</summary>
    public static Expr Gather(Expr x, int axis, Expr index) => new(ExprModule.gather(axis, Of(index), Of(x)));

    private static IEnumerable<Core.Autodiff.Expr> Nodes(Expr[] parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        return [.. parts.Select(Of)];
    }
}
