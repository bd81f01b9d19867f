/// Element-wise kernels against plain loops: every operation, every scalar pattern, tails, unaligned and in-place
/// memory.
[<FsCheck.Xunit.Properties(Replay = "(4719041,4719043)")>]
module Rl.Tests.Kernels.ElementwiseTests

open System
open Rl.Core.Kernels
open Rl.Tests.Kernels.KernelMemory
open Xunit
open FsCheck.Xunit

let private unary (operation: UnaryOperation) (x: float) =
    match operation with
    | UnaryOperation.Negate -> -x
    | UnaryOperation.Absolute -> abs x
    | UnaryOperation.Sign -> if Double.IsNaN x then x else float (sign x)
    | UnaryOperation.Floor -> floor x
    | UnaryOperation.Reciprocal -> 1.0 / x
    | UnaryOperation.Square -> x * x
    | UnaryOperation.Sqrt -> sqrt x
    | UnaryOperation.Exp -> exp x
    | UnaryOperation.ExpMinusOne -> if abs x < 1e-5 then x + 0.5 * x * x else exp x - 1.0
    | UnaryOperation.Log -> log x
    | UnaryOperation.LogOnePlus -> log (1.0 + x)
    | UnaryOperation.Sin -> sin x
    | UnaryOperation.Cos -> cos x
    | UnaryOperation.Tanh -> tanh x
    | UnaryOperation.Sigmoid -> 1.0 / (1.0 + exp -x)
    | UnaryOperation.Softplus -> max x 0.0 + log (1.0 + exp -(abs x))
    | UnaryOperation.Erf -> SpecialFunctions.erf x
    | UnaryOperation.LogGamma -> SpecialFunctions.logGamma x
    | UnaryOperation.Digamma -> SpecialFunctions.digamma x
    | UnaryOperation.Trigamma -> SpecialFunctions.trigamma x
    | UnaryOperation.Relu -> if x > 0.0 || Double.IsNaN x then x else 0.0
    | UnaryOperation.FlushToZero -> if abs x < Math.ScaleB(1.0, -100) then 0.0 else x
    | other -> failwith $"{other}"

let private binary (operation: BinaryOperation) (a: float) (b: float) =
    let truth condition = if condition then 1.0 else 0.0

    match operation with
    | BinaryOperation.Add -> a + b
    | BinaryOperation.Subtract -> a - b
    | BinaryOperation.Multiply -> a * b
    | BinaryOperation.Divide -> a / b
    | BinaryOperation.Power -> a ** b
    | BinaryOperation.Minimum -> Math.Min(a, b)
    | BinaryOperation.Maximum -> Math.Max(a, b)
    | BinaryOperation.Less -> truth (a < b)
    | BinaryOperation.LessOrEqual -> truth (a <= b)
    | BinaryOperation.Equal -> truth (a = b)
    | other -> failwith $"{other}"

let private ternary (operation: TernaryOperation) (a: float) (b: float) (c: float) =
    match operation with
    | TernaryOperation.Select -> if a <> 0.0 then b else c
    | TernaryOperation.MultiplyAdd -> a * b + c
    | TernaryOperation.NegativeMultiplyAdd -> c - a * b
    | TernaryOperation.DivideByRoot -> a / (sqrt b + c)
    | other -> failwith $"{other}"

let private quaternary (operation: QuaternaryOperation) (a: float) (b: float) (c: float) (d: float) =
    match operation with
    | QuaternaryOperation.SumOfProducts -> a * b + c * d
    | QuaternaryOperation.SumWithSquare -> a * b + c * d * d
    | QuaternaryOperation.ScaledDifference -> (c - a * b) * d
    | other -> failwith $"{other}"

let private specials =
    [| 0.0; -0.0; 1.0; -1.0; 0.5; -0.5; 2.5; -2.5; nan; infinity; -infinity; 1e30; -1e30; 1e-30; 3.0; -7.0 |]

/// Draws with the special values strewn in.
let private sample seed count =
    let values = draws seed count

    values
    |> Array.mapi (fun i value -> if (i + seed) % 5 = 0 then specials[(i / 5 + seed) % specials.Length] else value)

[<Property(MaxTest = 60)>]
let ``unary kernels compute their function at any count and address`` (seed: int) (size: byte) (offset: byte) =
    let count, offset = int size % 75, int offset % 5
    let x = sample (abs (seed % 1000)) count

    everywhere
        { new Law with
            member _.Holds<'T when 'T: unmanaged and 'T :> Numerics.IBinaryFloatingPointIeee754<'T>>
                (kernels: KernelSet<'T>)
                =
                for operation in Enum.GetValues<UnaryOperation>() do
                    let source, target = Block<'T>(x, offset), Block<'T>(Array.zeroCreate count, 3)
                    kernels.Unary(operation, source.Address, target.Address, count)
                    let expected = source.Values |> Array.map (unary operation >> element<'T> >> number)
                    close $"{kernels.Name} {operation}" (4.0 * epsilon<'T>) expected target.Values
                    kernels.Unary(operation, source.Address, source.Address, count)
                    identical $"{kernels.Name} {operation} in place" target.Elements source.Elements
        }

[<Property(MaxTest = 60)>]
let ``binary kernels compute their function whichever argument is a scalar`` (seed: int) (size: byte) (offset: byte) =
    let count, offset = int size % 75, int offset % 5
    let seed = abs (seed % 1000)
    let a, b = sample seed (max count 1), sample (seed + 1) (max count 1)

    everywhere
        { new Law with
            member _.Holds<'T when 'T: unmanaged and 'T :> Numerics.IBinaryFloatingPointIeee754<'T>>
                (kernels: KernelSet<'T>)
                =
                for operation in Enum.GetValues<BinaryOperation>() do
                    for aScalar, bScalar in [ false, false; true, false; false, true; true, true ] do
                        let left, right = Block<'T>(a, offset), Block<'T>(b, 1)
                        let target = Block<'T>(Array.zeroCreate count, 2)
                        kernels.Binary(operation, left.Address, aScalar, right.Address, bScalar, target.Address, count)
                        let u, v = left.Values, right.Values

                        let expected =
                            Array.init count (fun i ->
                                binary operation u[if aScalar then 0 else i] v[if bScalar then 0 else i]
                                |> element<'T>
                                |> number)

                        let context = $"{kernels.Name} {operation} {aScalar} {bScalar}"
                        close context (2.0 * epsilon<'T>) expected target.Values

                        if not aScalar && count > 0 then
                            kernels.Binary(operation, left.Address, false, right.Address, bScalar, left.Address, count)
                            identical $"{context} in place" target.Elements (Array.truncate count left.Elements)
        }

[<Property(MaxTest = 60)>]
let ``ternary kernels compute their function whichever arguments are scalars`` (seed: int) (size: byte) (offset: byte) =
    let count, offset = int size % 75, int offset % 5
    let seed = abs (seed % 1000)

    let a, b, c =
        draws seed (max count 1) |> Array.mapi (fun i value -> if i % 3 = 0 then 0.0 else value),
        draws (seed + 1) (max count 1),
        draws (seed + 2) (max count 1)

    everywhere
        { new Law with
            member _.Holds<'T when 'T: unmanaged and 'T :> Numerics.IBinaryFloatingPointIeee754<'T>>
                (kernels: KernelSet<'T>)
                =
                for operation in Enum.GetValues<TernaryOperation>() do
                    // A divisor that cancels would lose the digits that are compared.
                    let c = if operation = TernaryOperation.DivideByRoot then Array.map abs c else c

                    for pattern in 0..7 do
                        let aScalar, bScalar, cScalar = pattern &&& 1 <> 0, pattern &&& 2 <> 0, pattern &&& 4 <> 0
                        let u, v, w = Block<'T>(a, offset), Block<'T>(b, 1), Block<'T>(c, 0)
                        let target = Block<'T>(Array.zeroCreate count, 2)

                        kernels.Ternary(
                            operation,
                            u.Address,
                            aScalar,
                            v.Address,
                            bScalar,
                            w.Address,
                            cScalar,
                            target.Address,
                            count
                        )

                        let expected =
                            Array.init count (fun i ->
                                ternary
                                    operation
                                    a[if aScalar then 0 else i]
                                    b[if bScalar then 0 else i]
                                    c[if cScalar then 0 else i])

                        close $"{kernels.Name} {operation} {pattern}" (2.0 * epsilon<'T>) expected target.Values
        }

[<Property(MaxTest = 30)>]
let ``quaternary kernels compute their function whichever arguments are scalars``
    (seed: int)
    (size: byte)
    (offset: byte)
    =
    let count, offset = int size % 75, int offset % 5
    let seed = abs (seed % 1000)
    let values = Array.init 4 (fun index -> draws (seed + index) (max count 1))

    everywhere
        { new Law with
            member _.Holds<'T when 'T: unmanaged and 'T :> Numerics.IBinaryFloatingPointIeee754<'T>>
                (kernels: KernelSet<'T>)
                =
                for operation in Enum.GetValues<QuaternaryOperation>() do
                    for pattern in 0..15 do
                        let isScalar index = pattern >>> index &&& 1 <> 0
                        let blocks = values |> Array.mapi (fun index x -> Block<'T>(x, (offset + index) % 5))
                        let target = Block<'T>(Array.zeroCreate count, 2)

                        kernels.Quaternary(
                            operation,
                            blocks[0].Address,
                            isScalar 0,
                            blocks[1].Address,
                            isScalar 1,
                            blocks[2].Address,
                            isScalar 2,
                            blocks[3].Address,
                            isScalar 3,
                            target.Address,
                            count
                        )

                        let at index i = values[index][if isScalar index then 0 else i]

                        let expected =
                            Array.init count (fun i -> quaternary operation (at 0 i) (at 1 i) (at 2 i) (at 3 i))

                        // |c·d²| < 8 and the like: what the roundings of the parts may amount to.
                        close $"{kernels.Name} {operation} {pattern}" (16.0 * epsilon<'T>) expected target.Values
        }

[<Fact>]
let ``a multiply-add rounds once`` () =
    let x = 1.0 + 1.0 / 4096.0 // x² − (1 + 2/4096) = 2⁻²⁴ is lost where the product is rounded to float32

    for kernels in Kernels.singles do
        let a, c = Block<float32>(Array.create 21 x, 0), Block<float32>(Array.create 21 -(1.0 + 2.0 / 4096.0), 0)
        let y = Block<float32>(Array.zeroCreate 21, 0)

        kernels.Ternary(
            TernaryOperation.MultiplyAdd,
            a.Address,
            false,
            a.Address,
            false,
            c.Address,
            false,
            y.Address,
            21
        )

        Assert.All(y.Values, fun value -> Assert.Equal(2.0 ** -24.0, value))

[<Property(MaxTest = 30)>]
let ``every width gives the same bits`` (seed: int) =
    let x = sample (abs (seed % 1000)) 61
    let b = sample (abs (seed % 1000) + 3) 61

    let compare (sets: KernelSet<'T> list) =
        for operation in Enum.GetValues<UnaryOperation>() do
            let results =
                sets
                |> List.map (fun kernels ->
                    let source, target = Block<'T>(x, 0), Block<'T>(Array.zeroCreate 61, 0)
                    kernels.Unary(operation, source.Address, target.Address, 61)
                    target.Elements)

            results.Tail |> List.iter (identical $"{operation}" results.Head)

        for operation in Enum.GetValues<BinaryOperation>() do
            let results =
                sets
                |> List.map (fun kernels ->
                    let left, right = Block<'T>(x, 0), Block<'T>(b, 0)
                    let target = Block<'T>(Array.zeroCreate 61, 0)
                    kernels.Binary(operation, left.Address, false, right.Address, false, target.Address, 61)
                    target.Elements)

            results.Tail |> List.iter (identical $"{operation}" results.Head)

    compare Kernels.singles
    compare Kernels.doubles

[<Fact>]
let ``fill and copy write their count and no more`` () =
    everywhere
        { new Law with
            member _.Holds<'T when 'T: unmanaged and 'T :> Numerics.IBinaryFloatingPointIeee754<'T>>
                (kernels: KernelSet<'T>)
                =
                for count in [ 0; 1; 7; 16; 17; 63; 64; 1023; 1024; 1025; 5000 ] do
                    let x = draws count count
                    let source, target = Block<'T>(x, 1), Block<'T>(Array.zeroCreate count, 2)
                    kernels.Copy(source.Address, target.Address, count)
                    identical $"{kernels.Name} copy" source.Elements target.Elements
                    kernels.Fill(element 2.5, target.Address, count)
                    close $"{kernels.Name} fill" 0.0 (Array.create count 2.5) target.Values
        }
