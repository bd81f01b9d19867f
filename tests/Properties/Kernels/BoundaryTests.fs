/// Vector paths against single elements at every boundary value, whatever stands first or beside it; float64 functions
/// near 0 and in their tails; and where float32 functions come to rest at a limit.
module Rl.Tests.Kernels.BoundaryTests

open System
open Rl.Core.Kernels
open Rl.Tests.Kernels.KernelMemory
open Xunit

/// Zeros, ones, the exponents that have short cuts, where functions change their branch or saturate, and the ends.
let private boundaries =
    [|
        0.0
        -0.0
        1.0
        -1.0
        2.0
        -2.0
        0.5
        -0.5
        3.0
        -1.5
        0.3
        -0.3
        8.5
        9.0
        -9.0
        88.5
        -104.0
        30000.0
        -40000.0
        1e-30
        nan
        infinity
        -infinity
    |]

let private at (block: Block<'T>) index = block.Address + nativeint (index * sizeof<'T>)

/// The boundaries in an order in which the one at `first` comes first.
let private rotated (values: 'T[]) first = Array.append values[first..] values[.. first - 1]

let private inEverySet (law: Law) = everywhere law

[<Fact>]
let ``an element of a vector is what it is alone, whatever stands first: functions of one argument`` () =
    inEverySet
        { new Law with
            member _.Holds<'T when 'T: unmanaged and 'T :> Numerics.IBinaryFloatingPointIeee754<'T>>
                (kernels: KernelSet<'T>)
                =
                let count = 2 * boundaries.Length

                for operation in Enum.GetValues<UnaryOperation>() do
                    for first in 0 .. boundaries.Length - 1 do
                        let x = Block<'T>(Array.append (rotated boundaries first) boundaries, 1)
                        let together = Block<'T>(Array.zeroCreate count, 0)
                        let alone = Block<'T>(Array.zeroCreate count, 2)
                        kernels.Unary(operation, x.Address, together.Address, count)

                        for i in 0 .. count - 1 do
                            kernels.Unary(operation, at x i, at alone i, 1)

                        identical $"{kernels.Name} {operation} {boundaries[first]}" alone.Elements together.Elements
        }

/// All pairs of boundaries.
let private pairs = Array.allPairs boundaries boundaries

[<Fact>]
let ``an element of a vector is what it is alone, whatever stands first: functions of two arguments`` () =
    inEverySet
        { new Law with
            member _.Holds<'T when 'T: unmanaged and 'T :> Numerics.IBinaryFloatingPointIeee754<'T>>
                (kernels: KernelSet<'T>)
                =
                let count = pairs.Length

                for operation in Enum.GetValues<BinaryOperation>() do
                    for number in [ 0.0; 1.0; 2.0; 0.5; 3.0; -1.5; nan; infinity ] do
                        // Every pair, those whose second is the number at the front.
                        let order = pairs |> Array.sortBy (fun (_, b) -> not (b.Equals number))
                        let a, b = Block<'T>(Array.map fst order, 1), Block<'T>(Array.map snd order, 3)
                        let together = Block<'T>(Array.zeroCreate count, 0)
                        kernels.Binary(operation, a.Address, false, b.Address, false, together.Address, count)
                        let alone = Block<'T>(Array.zeroCreate count, 2)

                        for i in 0 .. count - 1 do
                            kernels.Binary(operation, at a i, false, at b i, false, at alone i, 1)

                        identical $"{kernels.Name} {operation} {number}" alone.Elements together.Elements
        }

[<Fact>]
let ``a number among the arguments is a vector of it: functions of two arguments`` () =
    inEverySet
        { new Law with
            member _.Holds<'T when 'T: unmanaged and 'T :> Numerics.IBinaryFloatingPointIeee754<'T>>
                (kernels: KernelSet<'T>)
                =
                let count = boundaries.Length

                for operation in Enum.GetValues<BinaryOperation>() do
                    for number in boundaries do
                        let x = Block<'T>(boundaries, 1)
                        let one, many = Block<'T>([| number |], 2), Block<'T>(Array.create count number, 0)

                        for isFirst in [ true; false ] do
                            let run isScalar (spread: Block<'T>) =
                                let result = Block<'T>(Array.zeroCreate count, 0)

                                if isFirst then
                                    kernels.Binary(
                                        operation,
                                        spread.Address,
                                        isScalar,
                                        x.Address,
                                        false,
                                        result.Address,
                                        count
                                    )
                                else
                                    kernels.Binary(
                                        operation,
                                        x.Address,
                                        false,
                                        spread.Address,
                                        isScalar,
                                        result.Address,
                                        count
                                    )

                                result

                            let context = $"{kernels.Name} {operation} {number} {isFirst}"

                            if operation = BinaryOperation.Power then
                                close context epsilon<'T> (run false many).Values (run true one).Values
                            else
                                identical context (run false many).Elements (run true one).Elements
        }

/// Some triples and quadruples of boundaries, and every number of them as scalars.
let private few = [| 0.0; -0.0; 1.0; -2.0; 0.3; 88.5; nan; infinity; -infinity |]

[<Fact>]
let ``an element of a vector is what it is alone: functions of three and four arguments`` () =
    inEverySet
        { new Law with
            member _.Holds<'T when 'T: unmanaged and 'T :> Numerics.IBinaryFloatingPointIeee754<'T>>
                (kernels: KernelSet<'T>)
                =
                let size = few.Length
                let count = size * size * size

                let column step = Block<'T>(Array.init count (fun i -> few[i / step % size]), step % 5)

                let a, b, c = column 1, column size, column (size * size)
                let d = Block<'T>(Array.init count (fun i -> few[(i * 5 + 2) % size]), 2)

                for operation in Enum.GetValues<TernaryOperation>() do
                    let together, alone = Block<'T>(Array.zeroCreate count, 0), Block<'T>(Array.zeroCreate count, 1)

                    kernels.Ternary(
                        operation,
                        a.Address,
                        false,
                        b.Address,
                        false,
                        c.Address,
                        false,
                        together.Address,
                        count
                    )

                    for i in 0 .. count - 1 do
                        kernels.Ternary(operation, at a i, true, at b i, false, at c i, true, at alone i, 1)

                    identical $"{kernels.Name} {operation}" alone.Elements together.Elements

                for operation in Enum.GetValues<QuaternaryOperation>() do
                    let together, alone = Block<'T>(Array.zeroCreate count, 0), Block<'T>(Array.zeroCreate count, 1)

                    kernels.Quaternary(
                        operation,
                        a.Address,
                        false,
                        b.Address,
                        false,
                        c.Address,
                        false,
                        d.Address,
                        false,
                        together.Address,
                        count
                    )

                    for i in 0 .. count - 1 do
                        kernels.Quaternary(
                            operation,
                            at a i,
                            true,
                            at b i,
                            false,
                            at c i,
                            true,
                            at d i,
                            false,
                            at alone i,
                            1
                        )

                    identical $"{kernels.Name} {operation}" alone.Elements together.Elements
        }

[<Fact>]
let ``sums and maxima are those of plain loops wherever an infinity or NaN stands, and of negative numbers`` () =
    inEverySet
        { new Law with
            member _.Holds<'T when 'T: unmanaged and 'T :> Numerics.IBinaryFloatingPointIeee754<'T>>
                (kernels: KernelSet<'T>)
                =
                for outer, length, inner in
                    [ 1, 2, 1; 3, 7, 1; 2, 9, 1; 1, 41, 1; 1, 300, 1; 2, 6, 5; 1, 70, 67; 1, 9, 3 ] do
                    let count = outer * length * inner

                    for special in [ nan; infinity; -infinity; -3.5; 0.0 ] do
                        for place in List.distinct [ 0; 1; count / 2; count - 2; count - 1 ] do
                            // All below 0, so that a maximum is not 0 by chance.
                            let values = Array.init count (fun i -> if i = place then special else -1.0 - float (i % 7))
                            let x = Block<'T>(values, 1)

                            for operation in Enum.GetValues<ReduceOperation>() do
                                let y = Block<'T>(Array.zeroCreate (outer * inner), 2)
                                kernels.Reduce(operation, x.Address, y.Address, outer, length, inner)

                                let expected =
                                    Array.init (outer * inner) (fun row ->
                                        let column j = values[(row / inner * length + j) * inner + row % inner]
                                        let elements = Array.init length column

                                        match operation with
                                        | ReduceOperation.Sum -> Array.sum elements
                                        | _ -> elements |> Array.reduce (fun a b -> Math.Max(a, b)))

                                let context =
                                    $"{kernels.Name} {operation} [{outer}, {length}, {inner}] {special} at {place}"

                                close context (4.0 * epsilon<'T>) expected y.Values
        }

/// x and its negative over three hundred orders of magnitude up to `high`.
let private towardsZero (high: float) =
    [|
        for k in 0..1200 do
            let x = high * Math.Pow(10.0, -0.25 * float k)
            x
            -x
    |]

let private relative (name: string) tolerance (truth: float) (x: float) (actual: float) =
    if not (abs (actual - truth) <= tolerance * abs truth) then
        Assert.Fail $"{name}({x:R}) is {actual:R}, not {truth:R}"

/// Σ cₖ xᵏ from the highest power down, k < count.
let private series (count: int) (coefficient: int -> float) (x: float) =
    Seq.foldBack (fun k total -> coefficient k + x * total) (seq { 0 .. count - 1 }) 0.0

/// (eˣ − 1)/x = Σ xᵏ/(k + 1)!.
let private expMinusOne (x: float) =
    let factorials = Array.scan (fun product k -> product * float k) 1.0 [| 1..30 |]
    x * series 28 (fun k -> 1.0 / factorials[k + 1]) x

/// ln(1 + x) = 2 artanh z, z = x/(2 + x).
let private logOnePlus (x: float) =
    let z = x / (2.0 + x)
    2.0 * z * series 45 (fun k -> 1.0 / float (2 * k + 1)) (z * z)

[<Fact>]
let ``float64 functions keep their digits towards 0`` () =
    let check operation (truth: float -> float) tolerance (high: float) =
        let x = towardsZero high
        let source, target = Block<float>(x, 0), Block<float>(Array.zeroCreate x.Length, 0)
        Kernels.double.Unary(operation, source.Address, target.Address, x.Length)
        Array.iteri (fun i value -> relative $"{operation}" tolerance (truth x[i]) x[i] value) target.Values

    check UnaryOperation.ExpMinusOne expMinusOne 1.2e-15 0.6
    check UnaryOperation.LogOnePlus logOnePlus 1.2e-15 0.5
    check UnaryOperation.Tanh (fun x -> let e = expMinusOne (2.0 * x) in e / (e + 2.0)) 2e-15 0.25
    let factorials = Array.scan (fun product k -> product * float k) 1.0 [| 1..40 |]
    let sign k = if k % 2 = 0 then 1.0 else -1.0
    check UnaryOperation.Sin (fun x -> x * series 15 (fun k -> sign k / factorials[2 * k + 1]) (x * x)) 1e-15 0.5

    let erf x = 2.0 / sqrt Math.PI * x * series 25 (fun k -> sign k / (factorials[k] * float (2 * k + 1))) (x * x)

    check UnaryOperation.Erf erf 2e-15 0.5

[<Fact>]
let ``float64 functions keep their digits in their tails`` () =
    let check operation (truth: float -> float) tolerance (low: float) (high: float) =
        let x = Array.init 2001 (fun i -> low + (high - low) * float i / 2000.0)
        let source, target = Block<float>(x, 0), Block<float>(Array.zeroCreate x.Length, 0)
        Kernels.double.Unary(operation, source.Address, target.Address, x.Length)
        Array.iteri (fun i value -> relative $"{operation}" tolerance (truth x[i]) x[i] value) target.Values

    let erf (x: float) = float (sign x) * (1.0 - MathNet.Numerics.SpecialFunctions.Erfc(abs x))
    check UnaryOperation.Erf erf 2e-15 1.0 8.0
    check UnaryOperation.Erf erf 2e-15 -8.0 -1.0
    check UnaryOperation.Sigmoid exp 1e-15 -700.0 -40.0
    check UnaryOperation.Softplus exp 1e-15 -700.0 -40.0
    check UnaryOperation.Softplus id 1e-15 40.0 700.0
    check UnaryOperation.ExpMinusOne (fun x -> exp x - 1.0) 1e-15 -50.0 -1.0
    check UnaryOperation.Tanh (fun x -> let e = exp (-2.0 * x) in (1.0 - e) / (1.0 + e)) 1e-15 1.0 25.0

[<Fact>]
let ``float32 functions rest at their limits no sooner than float32 must`` () =
    // Where the truth is two steps of float32 or more off the limit, the limit is wrong.
    let check operation (limit: float) (distance: float -> float) (low: float) (high: float) =
        let x = Array.init 20_001 (fun i -> float (float32 (low + (high - low) * float i / 20_000.0)))
        let step = Math.ScaleB(1.0, -24)

        for kernels in Kernels.singles do
            let source, target = Block<float32>(x, 0), Block<float32>(Array.zeroCreate x.Length, 0)
            kernels.Unary(operation, source.Address, target.Address, x.Length)
            let values = target.Values

            for i in 0 .. x.Length - 1 do
                if distance x[i] > 1.5 * step && abs values[i] >= abs limit then
                    Assert.Fail $"{kernels.Name}: {operation}({x[i]}) is {limit} already; it is {distance x[i]:E2} off"

    let ofTanh x = 2.0 / (exp (2.0 * x) + 1.0)
    check UnaryOperation.Tanh 1.0 ofTanh 5.0 10.0
    check UnaryOperation.Tanh -1.0 (fun x -> ofTanh -x) -10.0 -5.0
    check UnaryOperation.Sigmoid 1.0 (fun x -> 1.0 / (1.0 + exp x)) 12.0 20.0
    check UnaryOperation.Erf 1.0 MathNet.Numerics.SpecialFunctions.Erfc 3.0 4.5
    check UnaryOperation.Erf -1.0 (fun x -> MathNet.Numerics.SpecialFunctions.Erfc -x) -4.5 -3.0
    check UnaryOperation.ExpMinusOne -1.0 exp -20.0 -12.0

[<Fact>]
let ``what is too small to keep becomes zero, and NaN stays`` () =
    let least = Math.ScaleB(1.0, -100)
    let kept = [ least; -least; 1.5 * least; 1.0; -3.0; infinity; -infinity; nan ]
    let flushed = [ 0.0; -0.0; 0.999 * least; -0.999 * least; Math.ScaleB(1.0, -126); Math.ScaleB(-1.0, -140) ]
    // As many as fill several vectors and a part of one.
    let values = List.replicate 5 (kept @ flushed) |> List.concat |> List.toArray

    everywhere
        { new Law with
            member _.Holds<'T when 'T: unmanaged and 'T :> Numerics.IBinaryFloatingPointIeee754<'T>>
                (kernels: KernelSet<'T>)
                =
                let x, y = Block<'T>(values, 1), Block<'T>(Array.zeroCreate values.Length, 2)
                kernels.Unary(UnaryOperation.FlushToZero, x.Address, y.Address, values.Length)
                let expected = x.Values |> Array.map (fun x -> if abs x < least then 0.0 else x)
                Assert.Equal<float[]>(expected, y.Values)
        }
