/// The closed vocabulary of what kernels compute, shared by expressions above and loops below.
namespace Rl.Core.Kernels

/// y = f(x), element by element.
type UnaryOperation =
    | Negate = 0
    | Absolute = 1
    /// −1, 0 or 1.
    | Sign = 2
    | Floor = 3
    | Reciprocal = 4
    | Square = 5
    | Sqrt = 6
    | Exp = 7
    /// exp(x) − 1, accurate near 0.
    | ExpMinusOne = 8
    | Log = 9
    /// log(1 + x), accurate near 0.
    | LogOnePlus = 10
    | Sin = 11
    | Cos = 12
    | Tanh = 13
    /// 1 / (1 + exp(−x)).
    | Sigmoid = 14
    /// log(1 + exp(x)).
    | Softplus = 15
    /// The error function 2/√π ∫₀ˣ exp(−t²) dt.
    | Erf = 16
    /// log Γ(x) for x > 0.
    | LogGamma = 17
    /// ψ(x) = d log Γ(x) / dx for x > 0.
    | Digamma = 18
    /// ψ′(x) for x > 0.
    | Trigamma = 19
    /// max(x, 0).
    | Relu = 20
    /// x, or 0 where |x| < 2⁻¹⁰⁰.
    | FlushToZero = 21

/// What `UnaryOperation.FlushToZero` keeps.
module FlushToZero =
    /// 2⁻¹⁰⁰: far below what matters beside anything that a float32 is added to, and far above the numbers without an
    /// exponent of their own (2⁻¹²⁶), over which processors take a hundred times as long.
    [<Literal>]
    let Least = 7.888609052210118e-31

/// y = f(a, b), element by element. Comparisons give 1 where they hold and 0 elsewhere.
type BinaryOperation =
    | Add = 0
    | Subtract = 1
    | Multiply = 2
    | Divide = 3
    | Power = 4
    /// NaN if either is NaN.
    | Minimum = 5
    /// NaN if either is NaN.
    | Maximum = 6
    | Less = 7
    | LessOrEqual = 8
    | Equal = 9

/// y = f(a, b, c), element by element.
type TernaryOperation =
    /// a ≠ 0 ? b : c.
    | Select = 0
    /// a·b + c with one rounding.
    | MultiplyAdd = 1
    /// c − a·b with one rounding.
    | NegativeMultiplyAdd = 2
    /// a / (√b + c), each operation rounded.
    | DivideByRoot = 3

/// y = f(a, b, c, d), element by element; what two operations would do, in one pass.
type QuaternaryOperation =
    /// a·b + [c·d], where brackets are rounded first.
    | SumOfProducts = 0
    /// a·b + [c·[d²]].
    | SumWithSquare = 1
    /// [c − a·b]·d.
    | ScaledDifference = 2

/// How a reduction combines the elements along an axis.
type ReduceOperation =
    | Sum = 0
    | Maximum = 1
