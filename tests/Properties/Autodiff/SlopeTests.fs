/// Slopes far out and at the ends of domains, where a branch that is not taken or a factor that is 0 must not make them
/// NaN: by the reference, and in programs of float32.
module Rl.Tests.Autodiff.SlopeTests

open System
open Rl.Core.Autodiff
open Xunit

/// The slope of f at a number, by the reference and in a program of float32.
let private slopes (f: Expr -> Expr) (x: float) =
    let input = Expr.input "x" [||]
    let slope = Diff.grad f input
    let exact = (Reference.evaluateWith [ "x", Tensor.scalar x ] slope).Scalar
    let program = Program.ofOutputs<float32> [ "slope", slope ]
    if program.HasInput "x" then program.Set("x", ReadOnlySpan [| float32 x |])
    program.Run()
    [ exact; float (program.Scalar "slope") ]

let private expect (name: string) (tolerance: float) (expected: float) (x: float) (f: Expr -> Expr) =
    for actual in slopes f x do
        if not (abs (actual - expected) <= tolerance * (1.0 + abs expected)) then
            Assert.Fail $"the slope of {name} at {x} is {actual:R}, not {expected:R}"

/// A function, and its slopes far to the left and to the right.
let private functions: (string * (Expr -> Expr) * float * float) list =
    let pair (x: Expr) = Expr.stack 0 [ x; Expr.number 0.0 ]

    [
        "elu", Expr.elu, 0.0, 1.0
        "relu", Expr.relu, 0.0, 1.0
        "gelu", Expr.gelu, 0.0, 1.0
        "silu", Expr.silu, 0.0, 1.0
        "softplus", Expr.softplus, 0.0, 1.0
        "sigmoid", Expr.sigmoid, 0.0, 0.0
        "tanh", Expr.tanh, 0.0, 0.0
        "erf", Expr.erf, 0.0, 0.0
        "abs", Expr.abs, -1.0, 1.0
        "clamp", Expr.clamp -2.0 3.0, 0.0, 0.0
        "minimum", Expr.minimum (Expr.number 1.0), 1.0, 0.0
        "maximum", Expr.maximum (Expr.number 1.0), 0.0, 1.0
        "logSumExp", (fun x -> Expr.logSumExp 0 (pair x)), 0.0, 1.0
        "logSoftmax", (fun x -> Expr.logSoftmax 0 (pair x) |> Expr.slice 0 0 1 |> Expr.sum), 1.0, 0.0
        "softmax", (fun x -> Expr.softmax 0 (pair x) |> Expr.slice 0 0 1 |> Expr.sum), 0.0, 0.0
        "the exponential", (fun x -> Expr.exp (-(Expr.abs x))), 0.0, 0.0
        "expMinusOne", (fun x -> Expr.expMinusOne (-(Expr.abs x))), 0.0, 0.0
        "logOnePlus", (fun x -> Expr.logOnePlus (Expr.exp (-(Expr.abs x)))), 0.0, 0.0
    ]

[<Fact>]
let ``far out slopes are those of the asymptotes`` () =
    for name, f, left, right in functions do
        for x in [ 120.0; 800.0; 1e5; 1e15; 1e30 ] do
            expect name 1e-6 right x f
            expect name 1e-6 left -x f

[<Fact>]
let ``far out slopes do not change`` () =
    for name, f, _, _ in functions do
        for x in [ 120.0; -120.0; 800.0; -800.0 ] do
            expect $"the slope of {name}" 1e-6 0.0 x (Diff.grad f)

[<Fact>]
let ``a power's slope in its exponent is aᵇ ln a, and 0 at base 0`` () =
    for exponent in [ 0.0; 0.25; 0.5; 1.0; 2.0; 3.7 ] do
        for basis in [ 0.0; 1e-30; 0.3; 1.0; 2.5; 1e6 ] do
            let power b = Expr.power (Expr.number basis) b
            let log = if basis = 0.0 then 0.0 else Math.Log(float (float32 basis))
            let value = Math.Pow(basis, exponent)
            expect $"{basis} to the power" 1e-5 (value * log) exponent power
            expect $"the slope of {basis} to the power" 1e-4 (value * log * log) exponent (Diff.grad power)

[<Fact>]
let ``a power's slope in its base is b aᵇ⁻¹, and 0 for the exponent 0`` () =
    for exponent in [ 0.0; 1.0; 1.5; 2.0; 3.0; 4.0 ] do
        for basis in [ 0.0; 0.3; 1.0; 2.5 ] do
            let expected = if exponent = 0.0 then 0.0 else exponent * Math.Pow(basis, exponent - 1.0)
            expect $"x to the power {exponent}" 1e-5 expected basis (fun x -> Expr.power x (Expr.number exponent))
            expect $"x to the constant power {exponent}" 1e-5 expected basis (Expr.pow exponent)
