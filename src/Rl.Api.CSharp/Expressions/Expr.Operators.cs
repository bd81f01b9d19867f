using Rl.Core.Autodiff;

namespace Rl;

/// <content>Operators, element by element.</content>
public sealed partial class Expr
{
    /// <summary>A number as an expression.</summary>
    public static implicit operator Expr(double value) => Constant(value);

    /// <summary>−x.</summary>
    public static Expr operator -(Expr x) => new(-Of(x));

    /// <summary>The sum, element by element.</summary>
    public static Expr operator +(Expr left, Expr right) => new(Of(left) + Of(right));

    /// <summary>The difference, element by element.</summary>
    public static Expr operator -(Expr left, Expr right) => new(Of(left) - Of(right));

    /// <summary>The product, element by element.</summary>
    public static Expr operator *(Expr left, Expr right) => new(Of(left) * Of(right));

    /// <summary>The quotient, element by element.</summary>
    public static Expr operator /(Expr left, Expr right) => new(Of(left) / Of(right));

    /// <summary>1 where left &lt; right, else 0; no derivative.</summary>
    public static Expr operator <(Expr left, Expr right) => new(ExprModule.less(Of(left), Of(right)));

    /// <summary>1 where left &gt; right, else 0; no derivative.</summary>
    public static Expr operator >(Expr left, Expr right) => new(ExprModule.greater(Of(left), Of(right)));

    /// <summary>1 where left ≤ right, else 0; no derivative.</summary>
    public static Expr operator <=(Expr left, Expr right) => new(ExprModule.lessOrEqual(Of(left), Of(right)));

    /// <summary>1 where left ≥ right, else 0; no derivative.</summary>
    public static Expr operator >=(Expr left, Expr right) => new(ExprModule.greaterOrEqual(Of(left), Of(right)));

    /// <summary>A number as an expression: <see cref="Constant(double)"/>.</summary>
    public static Expr FromDouble(double value) => Constant(value);

    /// <summary>−x.</summary>
    public static Expr Negate(Expr x) => -x;

    /// <summary>The sum, element by element.</summary>
    public static Expr Add(Expr left, Expr right) => left + right;

    /// <summary>The difference, element by element.</summary>
    public static Expr Subtract(Expr left, Expr right) => left - right;

    /// <summary>The product, element by element.</summary>
    public static Expr Multiply(Expr left, Expr right) => left * right;

    /// <summary>The quotient, element by element.</summary>
    public static Expr Divide(Expr left, Expr right) => left / right;
}
