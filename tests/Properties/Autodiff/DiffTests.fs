/// Law 8: derivatives of random expressions agree in every mode, with finite differences, and to every order.
[<FsCheck.Xunit.Properties(Replay = "(4718107,4718109)")>]
module Rl.Tests.Autodiff.DiffTests

open System
open FsCheck.Xunit
open Rl.Core.Autodiff
open Rl.Tests.Autodiff
open Xunit

type private Law() =
    inherit PropertyAttribute(Arbitrary = [| typeof<RandomExpressions> |], MaxTest = 100)

let private x = Expr.input "x"

/// The value of an expression of the input "x".
let private at (point: Tensor) (expression: Expr) = Reference.evaluateWith [ "x", point ] expression

let private shifted (point: Tensor) (direction: Tensor) (t: float) =
    Tensor.init point.Shape (fun i -> point[i] + t * direction[i])

/// The derivative of t ↦ f(point + t · direction) at 0 by the five-point central difference, of order h⁴.
let private centralDifference (f: Tensor -> Tensor) (point: Tensor) (direction: Tensor) =
    let h = 4e-4
    let value t = f (shifted point direction t)
    let forward, backward, further, furthest = value h, value -h, value (2.0 * h), value (-2.0 * h)

    Tensor.init forward.Shape (fun i -> (8.0 * (forward[i] - backward[i]) - (further[i] - furthest[i])) / (12.0 * h))

let private largest (tensor: Tensor) = Array.fold (fun most value -> max most (abs value)) 0.0 (tensor.ToArray())

/// |a − b| ≤ tolerance · (1 + largest |a|), element by element.
let private close (tolerance: float) (what: string) (expected: Tensor) (actual: Tensor) =
    Assert.Equal<int[]>(expected.Shape, actual.Shape)

    for i in 0 .. expected.Count - 1 do
        let difference = abs (expected[i] - actual[i])

        if not (difference <= tolerance * (1.0 + largest expected)) then
            Assert.Fail $"{what}[{i}] is {actual[i]:R} instead of {expected[i]:R} (largest {largest expected})."

let private number (value: float) = Tensor.scalar value

/// A second direction, different from the tame one.
let private other (count: int) = Tensor.init [| count |] (fun i -> sin (2.0 * float i + 1.0))

let private dot (a: Tensor) (b: Tensor) = Array.map2 (*) (a.ToArray()) (b.ToArray()) |> Array.sum

// --- Modes agree
// --------------------------------------------------------------------------------------------------------

[<Law>]
let ``reverse mode is the transpose of forward mode: u·(J v) = (Jᵀu)·v`` (random: RandomExpression) =
    let f = RandomExpression.asFunction random
    let point, v = RandomExpression.point random, RandomExpression.direction random
    let u = other random.Output.Count
    let forward = at point (Diff.jacobianv f (x point.Shape) (Expr.constant v))
    let backward = at point (Diff.jacobianTv f (x point.Shape) (Expr.constant u))
    close 1e-11 "u·(J v)" (number (dot u forward)) (number (dot backward v))

[<Law>]
let ``forward mode is the central finite difference`` (random: RandomExpression) =
    let f = RandomExpression.asFunction random
    let point, v = RandomExpression.point random, RandomExpression.direction random
    let value = f (x point.Shape)
    let exact = at point (Diff.jacobianv f (x point.Shape) (Expr.constant v))
    close 1e-6 "J v" (centralDifference (fun point -> at point value) point v) exact

[<Law>]
let ``the gradient along a direction is the central finite difference`` (random: RandomExpression) =
    let f = RandomExpression.asScalarFunction random
    let point, v = RandomExpression.point random, RandomExpression.direction random
    let value = f (x point.Shape)
    let gradient = at point (Diff.grad f (x point.Shape))
    let expected = centralDifference (fun point -> at point value) point v
    close 1e-6 "∇f·v" expected (number (dot gradient v))

[<Law>]
let ``a Hessian-vector product is the finite difference of the gradient`` (random: RandomExpression) =
    let f = RandomExpression.asScalarFunction random
    let point, v = RandomExpression.point random, RandomExpression.direction random
    let gradient = Diff.grad f (x point.Shape)
    let product = at point (Diff.hessianv f (x point.Shape) (Expr.constant v))
    close 1e-6 "H v" (centralDifference (fun point -> at point gradient) point v) product

[<Law>]
let ``the gradient of the directional derivative is the Hessian-vector product`` (random: RandomExpression) =
    let f = RandomExpression.asScalarFunction random
    let point, v = RandomExpression.point random, RandomExpression.direction random
    let directional y = Diff.gradv f y (Expr.constant v)
    let reverseOfForward = at point (Diff.grad directional (x point.Shape))
    let reverseOfReverse = at point (Diff.grad (fun y -> Expr.dot (Diff.grad f y) (Expr.constant v)) (x point.Shape))
    let product = at point (Diff.hessianv f (x point.Shape) (Expr.constant v))
    close 1e-10 "∇(∇f·v), forward inside" product reverseOfForward
    close 1e-10 "∇(∇f·v), reverse inside" product reverseOfReverse

[<Law>]
let ``the Hessian is symmetric: u·(H v) = v·(H u)`` (random: RandomExpression) =
    let f = RandomExpression.asScalarFunction random
    let point, v = RandomExpression.point random, RandomExpression.direction random
    let u = other point.Count
    let product (v: Tensor) = at point (Diff.hessianv f (x point.Shape) (Expr.constant v))
    let first, second = product v, product u
    let scale = 1.0 + largest first + largest second
    Assert.InRange(abs (dot u first - dot v second) / scale, 0.0, 1e-10)

[<Law(MaxTest = 30)>]
let ``the Laplacian is the trace of the Hessian, whose columns are Hessian-vector products``
    (random: RandomExpression)
    =
    let f = RandomExpression.asScalarFunction random
    let point = RandomExpression.point random
    let n = point.Count
    let hessian = at point (Diff.hessian f (x point.Shape))
    let trace = Array.sum (Array.init n (fun i -> hessian[i * n + i]))
    close 1e-10 "Δf" (number trace) (at point (Diff.laplacian f (x point.Shape)))

    for column in 0 .. n - 1 do
        let unit' = Tensor.init [| n |] (fun i -> if i = column then 1.0 else 0.0)
        let product = at point (Diff.hessianv f (x point.Shape) (Expr.constant unit'))
        close 1e-10 $"H e{column}" (Tensor.init [| n |] (fun row -> hessian[row * n + column])) product

[<Law(MaxTest = 30)>]
let ``the rows of a Jacobian are transposed products, its columns forward products`` (random: RandomExpression) =
    let f = RandomExpression.asFunction random
    let point = RandomExpression.point random
    let rows, columns = random.Output.Count, point.Count
    let jacobian = at point (Diff.jacobian f (x point.Shape))
    let unit' count index = Expr.vector (Array.init count (fun i -> if i = index then 1.0 else 0.0))
    Assert.Equal<int[]>([| rows; columns |], jacobian.Shape)

    for row in 0 .. min 3 (rows - 1) do
        let expected = Tensor.init [| columns |] (fun column -> jacobian[row * columns + column])
        close 1e-10 $"row {row}" expected (at point (Diff.jacobianTv f (x point.Shape) (unit' rows row)))

    for column in 0 .. min 3 (columns - 1) do
        let expected = Tensor.init [| rows |] (fun row -> jacobian[row * columns + column])
        close 1e-10 $"column {column}" expected (at point (Diff.jacobianv f (x point.Shape) (unit' columns column)))

[<Law>]
let ``the gradient is linear: ∇(a f + b g) = a ∇f + b ∇g`` (random: RandomExpression) (a: int8) (b: int8) =
    let a, b = float a / 32.0, float b / 32.0
    let f = RandomExpression.asScalarFunction random
    let g (y: Expr) = Expr.sum (Expr.sin y)
    let point = RandomExpression.point random
    let gradient f = at point (Diff.grad f (x point.Shape))
    let ofF, ofG = gradient f, gradient g
    let expected = Tensor.init point.Shape (fun i -> a * ofF[i] + b * ofG[i])
    close 1e-10 "∇(a f + b g)" expected (gradient (fun y -> a * f y + b * g y))

[<Law>]
let ``the prefix f gives the value as well, unchanged`` (random: RandomExpression) =
    let f = RandomExpression.asScalarFunction random
    let point, v = RandomExpression.point random, RandomExpression.direction random
    let node, v = x point.Shape, Expr.constant v
    let expected = at point (f node)

    for value in
        [
            fst (Diff.fgrad f node)
            fst (Diff.fgradv f node v)
            fst (Diff.fhessianv f node v)
            (let y, _, _ = Diff.fgradhessianv f node v in y)
        ] do
        Assert.Equal(expected, at point value)

// --- Functions of one number
// ----------------------------------------------------------------------------------------------

[<Property>]
let ``the n-th derivative of a polynomial is exact`` (coefficients: int8[]) (place: int8) (order: byte) =
    let coefficients = coefficients |> Array.truncate 6 |> Array.map float
    let order = int order % 7
    let place = float place / 64.0
    // Horner's rule, so that powers are products.
    let polynomial (y: Expr) = Array.foldBack (fun c rest -> c + y * rest) coefficients (Expr.number 0.0)
    let falling k = Seq.fold (fun product i -> product * float (k - i)) 1.0 (seq { 0 .. order - 1 })

    let expected =
        coefficients
        |> Array.mapi (fun k c -> if k < order then 0.0 else c * falling k * place ** float (k - order))
        |> Array.sum

    close 1e-12 "dⁿp" (number expected) (at (number place) (Diff.diffn order polynomial (x [||])))

[<Property>]
let ``the n-th derivative of the sine is the sine a quarter turn further`` (place: int16) (order: byte) =
    let order, place = int order % 7, float place / 4096.0
    let expected = Math.Sin(place + float order * Math.PI / 2.0)
    close 1e-12 "dⁿ sin" (number expected) (at (number place) (Diff.diffn order Expr.sin (x [||])))

[<Property>]
let ``every polygamma is the derivative of the one before, beyond those with kernels`` (place: byte) =
    let place = 0.3 + float place / 32.0
    let trigamma y = Node.unary Rl.Core.Kernels.UnaryOperation.Trigamma y
    // ψ″ and ψ‴ by their series −2 Σ (x + k)⁻³ and 6 Σ (x + k)⁻⁴ with the Euler-Maclaurin tail.
    let series power sign =
        let terms = 4000
        let direct = Seq.sumBy (fun k -> (place + float k) ** -power) (seq { 0 .. terms - 1 })
        let start = place + float terms

        let tail =
            start ** (1.0 - power) / (power - 1.0)
            + 0.5 * start ** -power
            + power * start ** (-power - 1.0) / 12.0

        sign * (direct + tail)

    close 1e-10 "ψ″" (number (series 3.0 -2.0)) (at (number place) (Diff.diff trigamma (x [||])))
    close 1e-10 "ψ‴" (number (series 4.0 6.0)) (at (number place) (Diff.diff2 trigamma (x [||])))

[<Property>]
let ``perturbations are not confused: the inner derivative sees its own variable alone`` (place: int8) =
    let place = float place / 16.0
    // d/dx (x · d/dy (x·y)) = 2x, and with the inner point at x: d/dx (x · d/dy (x·y²)|y=x) = 6x².
    let outer (y: Expr) = y * Diff.diff (fun z -> y * z) (Expr.number 1.0)
    let both (y: Expr) = y * Diff.diff (fun z -> y * Expr.square z) y
    close 1e-12 "2x" (number (2.0 * place)) (at (number place) (Diff.diff outer (x [||])))
    close 1e-12 "6x²" (number (6.0 * place * place)) (at (number place) (Diff.diff both (x [||])))

    let reverse (y: Expr) = y * Diff.grad (fun z -> y * Expr.square z) y
    close 1e-12 "6x², reverse" (number (6.0 * place * place)) (at (number place) (Diff.grad reverse (x [||])))

// --- Vector fields
// --------------------------------------------------------------------------------------------------------

let private coordinate index (y: Expr) = y |> Expr.slice 0 index (index + 1) |> Expr.reshape [||]

/// A smooth scalar field in three dimensions with the given frequencies.
let private field (a: float) (b: float) (c: float) (y: Expr) =
    let first, second, third = coordinate 0 y, coordinate 1 y, coordinate 2 y

    Expr.sin (a * first + second * third)
    + Expr.exp (0.3 * b * first) * Expr.cos (third - second)
    + c * first * second * Expr.square third

let private place3 (a: int8) (b: int8) (c: int8) = Tensor.vector [ float a / 64.0; float b / 64.0; float c / 64.0 ]

[<Property>]
let ``the curl of a gradient is 0`` (a: int8) (b: int8) (c: int8) =
    let f = field (float a / 50.0) (float b / 50.0) (float c / 50.0)
    let curl = at (place3 b c a) (Diff.curl (Diff.grad f) (x [| 3 |]))
    close 1e-11 "∇×∇f" (Tensor.full [| 3 |] 0.0) curl

[<Property>]
let ``the divergence of a curl is 0`` (a: int8) (b: int8) (c: int8) =
    let part a b c y = Expr.reshape [| 1 |] (field (float a / 50.0) (float b / 50.0) (float c / 50.0) y)
    let f y = Expr.concat 0 [ part a b c y; part b c a y; part c a b y ]
    let divergence = at (place3 c b a) (Diff.div (Diff.curl f) (x [| 3 |]))
    close 1e-10 "∇·∇×f" (number 0.0) divergence
    let curl, div = Diff.curldiv f (x [| 3 |])
    Assert.Equal(at (place3 c b a) (Diff.curl f (x [| 3 |])), at (place3 c b a) curl)
    Assert.Equal(at (place3 c b a) (Diff.div f (x [| 3 |])), at (place3 c b a) div)

[<Property>]
let ``the divergence of a gradient is the Laplacian`` (a: int8) (b: int8) (c: int8) =
    let f = field (float a / 50.0) (float b / 50.0) (float c / 50.0)
    let place = place3 a b c
    close 1e-11 "∇·∇f" (at place (Diff.laplacian f (x [| 3 |]))) (at place (Diff.div (Diff.grad f) (x [| 3 |])))

[<Property>]
let ``what has an f in front gives the value beside the derivative, and joint functions give both``
    (a: int8)
    (b: int8)
    (c: int8)
    =
    let f = field (float a / 50.0) (float b / 50.0) (float c / 50.0)
    let place, v = place3 a c b, Expr.vector [ 0.3; -0.7; 1.1 ]
    let y, input = f (x [| 3 |]), x [| 3 |]
    let same (expected: Expr) (actual: Expr) = Assert.Equal(at place expected, at place actual)

    let pair (value, derivative) expected =
        same y value
        same expected derivative

    pair (Diff.fgrad f input) (Diff.grad f input)
    pair (Diff.valueAndGrad f input) (Diff.grad f input)
    pair (Diff.fgradv f input v) (Diff.gradv f input v)
    pair (Diff.fhessian f input) (Diff.hessian f input)
    pair (Diff.fhessianv f input v) (Diff.hessianv f input v)
    pair (Diff.flaplacian f input) (Diff.laplacian f input)

    let close what expected actual = close 1e-12 what (at place expected) (at place actual)
    let value, gradient, hessian = Diff.fgradhessian f input
    pair (value, hessian) (Diff.hessian f input)
    close "∇f" (Diff.grad f input) gradient
    let gradient, hessian = Diff.gradhessian f input
    close "∇f" (Diff.grad f input) gradient
    close "H" (Diff.hessian f input) hessian
    let value, directional, product = Diff.fgradhessianv f input v
    pair (value, product) (Diff.hessianv f input v)
    close "∇f·v" (Diff.gradv f input v) directional
    let directional, product = Diff.gradhessianv f input v
    close "∇f·v" (Diff.gradv f input v) directional
    close "H v" (Diff.hessianv f input v) product

    let flow z = Diff.grad f z
    let value, divergence = Diff.fdiv flow input
    same (flow input) value
    same (Diff.div flow input) divergence
    let value, curl = Diff.fcurl flow input
    same (flow input) value
    same (Diff.curl flow input) curl

    // Along a line: a function of one number.
    let line t = f (t * v)
    let t = Expr.number (float b / 64.0)
    let value, third = Diff.fdiffn 3 line t
    same (line t) value
    same (Diff.diffn 3 line t) third
    let value, first = Diff.fdiff line t
    same (line t) value
    same (Diff.diff line t) first

// --- stopGradient
// ------------------------------------------------------------------------------------------------------------

[<Property>]
let ``where several are the largest, a maximum shares its derivative among them`` (place: int8) =
    let point = Tensor.create [| 4 |] [| float place; 2.0; float place; -200.0 |]
    let largest = max (float place) 2.0
    let ties = [| 0..3 |] |> Array.filter (fun i -> point[i] = largest) |> Array.length
    let expected = Tensor.init [| 4 |] (fun i -> if point[i] = largest then 1.0 / float ties else 0.0)
    close 1e-15 "∇ max" expected (at point (Diff.grad Expr.max (x [| 4 |])))
    let half = at (Tensor.scalar 1.0) (Diff.grad (fun y -> Expr.maximum y (Expr.number 1.0)) (x [||]))
    close 1e-15 "∂ max(y, 1) at 1" (number 0.5) half

[<Law>]
let ``stopGradient keeps the value and stops every derivative`` (random: RandomExpression) =
    let f y = Expr.stopGradient (RandomExpression.asScalarFunction random y)
    let point = RandomExpression.point random
    let node = x point.Shape
    Assert.Equal(at point (RandomExpression.asScalarFunction random node), at point (f node))
    let zeros = Tensor.full point.Shape 0.0
    Assert.Equal(zeros, at point (Diff.grad f node))
    Assert.Equal(zeros, at point (Diff.hessianv f node (Expr.constant (other point.Count))))
    // A product with a stopped factor differentiates as if that factor were a number.
    let g y = RandomExpression.asScalarFunction random y
    let stopped = at point (Diff.grad (fun y -> Expr.stopGradient (g y) * Expr.sum (Expr.square y)) node)
    let value = (at point (g node)).Scalar
    close 1e-12 "g·∇|x|²" (Tensor.init point.Shape (fun i -> 2.0 * value * point[i])) stopped

// --- Errors
// --------------------------------------------------------------------------------------------------------------------

[<Fact>]
let ``an error of shapes names both shapes`` () =
    let a, b = Expr.input "a" [| 4; 3 |], Expr.input "b" [| 5; 2 |]

    let mentions (parts: string list) (action: unit -> Expr) =
        let error = Assert.ThrowsAny<ArgumentException>(fun () -> action () |> ignore)

        for part in parts do
            Assert.Contains(part, error.Message)

    let both = [ "[4, 3]"; "[5, 2]" ]
    mentions both (fun () -> a + b)
    mentions both (fun () -> Expr.matmul a b)
    mentions both (fun () -> Expr.concat 0 [ a; b ])
    mentions both (fun () -> Expr.select a b (Expr.number 0.0))
    mentions both (fun () -> Expr.broadcastTo [| 5; 2 |] a)
    mentions both (fun () -> Expr.reshape [| 5; 2 |] a)
    mentions both (fun () -> Expr.scatterAdd 0 3 b a)
    mentions [ "[4, 3]"; "[5, 2]" ] (fun () -> Expr.gather 1 b a)
    mentions [ "[4, 3]"; "[5, 2]" ] (fun () -> Expr.convolve 1 0 b a)
    mentions [ "[4, 3]"; "[5, 2]" ] (fun () -> Diff.jacobianTv (fun y -> y) a b)
    mentions [ "[4, 3]"; "[5, 2]" ] (fun () -> Diff.jacobianv (fun y -> y) a b)
    mentions [ "[4, 3]" ] (fun () -> Diff.grad (fun y -> y) a)
    mentions [ "[4, 3]" ] (fun () -> Diff.hessian Expr.sum a)
    mentions [ "[4, 3]"; "2" ] (fun () -> Expr.sumOver [| 2 |] a)
    mentions [ "[4, 3]"; "-3" ] (fun () -> Expr.slice -3 0 1 a)
