using Rl.Core.Autodiff;

namespace Rl;

/// <content>Functions, element by element.</content>
public sealed partial class Expr
{
    /// <summary>|x|; its derivative at 0 is 0.</summary>
    public static Expr Abs(Expr x) => new(ExprModule.abs(Of(x)));

    /// <summary>−1, 0 or 1; no derivative.</summary>
    public static Expr Sign(Expr x) => new(ExprModule.sign(Of(x)));

    /// <summary>The largest integer ≤ x; no derivative.</summary>
    public static Expr Floor(Expr x) => new(ExprModule.floor(Of(x)));

    /// <summary>1 / x.</summary>
    public static Expr Reciprocal(Expr x) => new(ExprModule.reciprocal(Of(x)));

    /// <summary>x².</summary>
    public static Expr Square(Expr x) => new(ExprModule.square(Of(x)));

    /// <summary>√x.</summary>
    public static Expr Sqrt(Expr x) => new(ExprModule.sqrt(Of(x)));

    /// <summary>eˣ.</summary>
    public static Expr Exp(Expr x) => new(ExprModule.exp(Of(x)));

    /// <summary>eˣ − 1, accurate near 0.</summary>
    public static Expr ExpMinusOne(Expr x) => new(ExprModule.expMinusOne(Of(x)));

    /// <summary>ln x.</summary>
    public static Expr Log(Expr x) => new(ExprModule.log(Of(x)));

    /// <summary>ln(1 + x), accurate near 0.</summary>
    public static Expr LogOnePlus(Expr x) => new(ExprModule.logOnePlus(Of(x)));

    /// <summary>sin x.</summary>
    public static Expr Sin(Expr x) => new(ExprModule.sin(Of(x)));

    /// <summary>cos x.</summary>
    public static Expr Cos(Expr x) => new(ExprModule.cos(Of(x)));

    /// <summary>tanh x.</summary>
    public static Expr Tanh(Expr x) => new(ExprModule.tanh(Of(x)));

    /// <summary>1 / (1 + e⁻ˣ).</summary>
    public static Expr Sigmoid(Expr x) => new(ExprModule.sigmoid(Of(x)));

    /// <summary>ln(1 + eˣ).</summary>
    public static Expr Softplus(Expr x) => new(ExprModule.softplus(Of(x)));

    /// <summary>The error function.</summary>
    public static Expr Erf(Expr x) => new(ExprModule.erf(Of(x)));

    /// <summary>ln Γ(x), x &gt; 0.</summary>
    public static Expr LogGamma(Expr x) => new(ExprModule.logGamma(Of(x)));

    /// <summary>ψ(x), x &gt; 0.</summary>
    public static Expr Digamma(Expr x) => new(ExprModule.digamma(Of(x)));

    /// <summary>max(x, 0); its derivative at 0 is 0.</summary>
    public static Expr Relu(Expr x) => new(ExprModule.relu(Of(x)));

    /// <summary>x for x &gt; 0, eˣ − 1 elsewhere.</summary>
    public static Expr Elu(Expr x) => new(ExprModule.elu(Of(x)));

    /// <summary>x Φ(x).</summary>
    public static Expr Gelu(Expr x) => new(ExprModule.gelu(Of(x)));

    /// <summary>x · sigmoid(x).</summary>
    public static Expr Silu(Expr x) => new(ExprModule.silu(Of(x)));

    /// <summary>x, constant to every derivative.</summary>
    public static Expr StopGradient(Expr x) => new(ExprModule.stopGradient(Of(x)));

    /// <summary>x to a constant power; small whole powers are products.</summary>
    public static Expr Pow(Expr x, double exponent) => new(ExprModule.pow(exponent, Of(x)));

    /// <summary>x to a power, element by element.</summary>
    public static Expr Pow(Expr x, Expr exponent) => new(ExprModule.power(Of(x), Of(exponent)));

    /// <summary>The smaller of two; where they are equal each gets half of the derivative.</summary>
    public static Expr Minimum(Expr left, Expr right) => new(ExprModule.minimum(Of(left), Of(right)));

    /// <summary>The larger of two; where they are equal each gets half of the derivative.</summary>
    public static Expr Maximum(Expr left, Expr right) => new(ExprModule.maximum(Of(left), Of(right)));

    /// <summary>1 where two are equal, else 0; no derivative.</summary>
    public static Expr Equal(Expr left, Expr right) => new(ExprModule.equal(Of(left), Of(right)));

    /// <summary>One value where a condition is not 0, another elsewhere; the value that is not chosen gets derivative
    /// 0.</summary>
    public static Expr Where(Expr condition, Expr whenTrue, Expr whenFalse) =>
        new(ExprModule.select(Of(condition), Of(whenTrue), Of(whenFalse)));

    /// <summary>low where x &lt; low, high where x &gt; high, x between; its derivative is 1 within [low,
    /// high].</summary>
    public static Expr Clamp(Expr x, double low, double high) => new(ExprModule.clamp(low, high, Of(x)));

    /// <summary>low where x &lt; low, high where x &gt; high, x between, with bounds that are expressions and have
    /// derivatives where they are taken.</summary>
    public static Expr Clamp(Expr x, Expr low, Expr high) => Where(x < low, low, Where(x > high, high, x));
}
