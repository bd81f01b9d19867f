/// How close the functions come to the truth, over their whole range.
module Rl.Tests.Kernels.TranscendentalTests

open System
open System.Runtime.InteropServices
open Rl.Core.Kernels
open Rl.Tests.Kernels.KernelMemory
open Xunit

/// About a million float32 in [low, high], dense where floats are dense, and as many evenly spread.
let private sweep (low: float32) (high: float32) : float32[] =
    let ordered (x: float32) =
        let bits = BitConverter.SingleToInt32Bits x
        if bits >= 0 then int64 bits else -(int64 (bits &&& 0x7FFFFFFF))

    let ofOrdered (key: int64) =
        if key >= 0L then
            BitConverter.Int32BitsToSingle(int key)
        else
            -(BitConverter.Int32BitsToSingle(int -key))

    let first, last = ordered low, ordered high
    let count = 500_000L

    Array.append
        [|
            for i in 0L .. count ->
                ofOrdered (first + (last - first) / count * i + (i * 7919L) % max 1L ((last - first) / count))
        |]
        [| for i in 0L .. count -> low + (high - low) * float32 (float i / float count) |]
    |> Array.filter (fun x -> x >= low && x <= high)

/// Within 4 units in the last place, or 2·10⁻⁷ relatively, of the truth.
let private accurate (name: string) (x: float32) (truth: float) (y: float32) =
    let error = abs (float y - truth)
    let unit = Math.Max(float (MathF.BitIncrement(MathF.Abs(float32 truth))) - abs (float (float32 truth)), 1.4e-45)
    let saturates = Single.IsInfinity(float32 truth) && y = float32 truth

    if not (saturates || error <= 4.0 * unit || error <= 2e-7 * abs truth) then
        Assert.Fail $"{name}({x:R}) is {y:R}, not {truth:R}: {error / unit:F1} units in the last place"

let private log1p (x: float) = SpecialFunctions.logOnePlus x
let private expm1 (x: float) = SpecialFunctions.expMinusOne x

let private cases: (UnaryOperation * float32 * float32 * (float -> float))[] =
    let largest = Single.MaxValue

    [|
        UnaryOperation.Exp, -110.0f, 95.0f, exp
        UnaryOperation.ExpMinusOne, -40.0f, 95.0f, expm1
        UnaryOperation.Log, Single.Epsilon, largest, log
        UnaryOperation.Log, 0.4f, 2.5f, log
        UnaryOperation.LogOnePlus, -0.99999f, 4.0f, log1p
        UnaryOperation.LogOnePlus, 1.0f, largest, log1p
        UnaryOperation.Tanh, -12.0f, 12.0f, tanh
        UnaryOperation.Tanh, 0.0f, largest, tanh
        UnaryOperation.Sigmoid, -110.0f, 110.0f, (fun x -> 1.0 / (1.0 + exp -x))
        UnaryOperation.Softplus, -110.0f, 110.0f, (fun x -> max x 0.0 + log1p (exp -(abs x)))
        UnaryOperation.Sin, -40000.0f, 40000.0f, sin
        UnaryOperation.Cos, -40000.0f, 40000.0f, cos
        UnaryOperation.Sin, -8.0f, 8.0f, sin
        UnaryOperation.Cos, -8.0f, 8.0f, cos
        UnaryOperation.Sin, 0.0f, largest, sin
        UnaryOperation.Erf, -6.0f, 6.0f, SpecialFunctions.erf
    |]

[<Fact>]
let ``float32 functions are within 4 units in the last place over their whole range`` () =
    for operation, low, high, reference in cases do
        let x = sweep low high
        let truths = x |> Array.Parallel.map (fun value -> reference (float value))
        let source = GC.AllocateArray<float32>(x.Length, pinned = true)
        x.CopyTo(source, 0)
        let target = GC.AllocateArray<float32>(x.Length, pinned = true)
        let address (array: float32[]) = Marshal.UnsafeAddrOfPinnedArrayElement(array, 0)
        let mutable first: float32[] | null = null

        for kernels in Kernels.singles do
            kernels.Unary(operation, address source, address target, x.Length)

            match first with
            | null ->
                for i in 0 .. x.Length - 1 do
                    accurate $"{operation}" x[i] truths[i] target[i]

                first <- Array.copy target
            | wide -> Assert.True(wide.AsSpan().SequenceEqual(target), $"{kernels.Name} {operation} has other bits")

type private Reference = MathNet.Numerics.SpecialFunctions

let private doubles (operation: UnaryOperation) (x: float[]) =
    let source, target = Block<float>(x, 0), Block<float>(Array.zeroCreate x.Length, 0)
    Kernels.double.Unary(operation, source.Address, target.Address, x.Length)
    target.Values

let private relative (name: string) tolerance (expected: float) (actual: float) =
    Assert.True(abs (actual - expected) <= tolerance * abs expected, $"{name} is {actual:R}, not {expected:R}")

[<Fact>]
let ``float64 functions agree with published values`` () =
    let agree operation (pairs: (float * float) list) =
        let values = doubles operation (pairs |> List.map fst |> List.toArray)

        List.iteri (fun i (x, expected) -> relative $"{operation}({x})" 1e-14 expected values[i]) pairs

    agree UnaryOperation.Exp [ 1.0, Math.E; -1.0, 0.36787944117144233; 10.0, 22026.465794806718 ]
    agree UnaryOperation.ExpMinusOne [ 1e-10, 1.00000000005e-10; 1.0, 1.718281828459045; -0.2, -0.18126924692201814 ]
    agree UnaryOperation.LogOnePlus [ 1e-10, 9.9999999995e-11; 1.0, 0.6931471805599453; -0.5, -0.6931471805599453 ]
    agree UnaryOperation.Tanh [ 1.0, 0.7615941559557649; -0.5, -0.46211715726000975; 30.0, 1.0 ]
    agree UnaryOperation.Sigmoid [ 0.0, 0.5; 1.0, 0.7310585786300049; -40.0, 4.248354255291589e-18 ]
    agree UnaryOperation.Softplus [ 0.0, 0.6931471805599453; 1.0, 1.3132616875182228; -40.0, 4.248354255291589e-18 ]

    agree
        UnaryOperation.Erf
        [ 0.5, 0.5204998778130465; 1.0, 0.8427007929497149; -2.0, -0.9953222650189527; 4.0, 0.9999999845827421 ]

    agree UnaryOperation.LogGamma [ 0.5, 0.5723649429247001; 10.0, 12.801827480081469; 100.0, 359.1342053695754 ]
    agree UnaryOperation.Digamma [ 1.0, -0.5772156649015329; 0.5, -1.9635100260214235; 10.0, 2.251752589066721 ]

    agree
        UnaryOperation.Trigamma
        [ 1.0, Math.PI * Math.PI / 6.0; 0.5, Math.PI * Math.PI / 2.0; 2.0, Math.PI * Math.PI / 6.0 - 1.0 ]

[<Fact>]
let ``the gamma functions obey their recurrences and match another library`` () =
    let x = Array.init 4000 (fun i -> 10.0 ** (-6.0 + 10.0 * float i / 4000.0))
    let next = x |> Array.map (fun value -> value + 1.0)

    let gamma, digamma, trigamma =
        doubles UnaryOperation.LogGamma x, doubles UnaryOperation.Digamma x, doubles UnaryOperation.Trigamma x

    let gammaNext, digammaNext, trigammaNext =
        doubles UnaryOperation.LogGamma next, doubles UnaryOperation.Digamma next, doubles UnaryOperation.Trigamma next

    let close name i (scale: float) (expected: float) (actual: float) =
        Assert.True(abs (actual - expected) <= 1e-13 * scale, $"{name} at {x[i]} is {actual:R}, not {expected:R}")

    for i in 0 .. x.Length - 1 do
        let scale = 1.0 + abs gamma[i] + abs (log x[i])
        close "log Γ(x + 1) = log Γ(x) + log x" i scale (gamma[i] + log x[i]) gammaNext[i]
        close "ψ(x + 1) = ψ(x) + 1/x" i (1.0 + abs digamma[i]) (digamma[i] + 1.0 / x[i]) digammaNext[i]
        close "ψ′(x + 1) = ψ′(x) − 1/x²" i (1.0 + abs trigamma[i]) (trigamma[i] - 1.0 / (x[i] * x[i])) trigammaNext[i]
        close "log Γ" i scale (Reference.GammaLn x[i]) gamma[i]
        Assert.True(abs (Reference.DiGamma x[i] - digamma[i]) <= 1e-10 * (1.0 + abs digamma[i]), $"ψ at {x[i]}")

[<Fact>]
let ``the error function is the integral of its density`` () =
    // Simpson's rule on 2/√π·exp(−t²), independent of any series.
    let integral x =
        let count = 4000
        let h = x / float count
        let f t = 2.0 / sqrt Math.PI * exp (-t * t)

        let sum =
            Seq.sum (
                seq {
                    for i in 0..count ->
                        f (float i * h)
                        * (if i = 0 || i = count then 1.0
                           elif i % 2 = 1 then 4.0
                           else 2.0)
                }
            )

        sum * h / 3.0

    let x = [| 0.01; 0.3; 0.9; 1.0; 1.7; 2.4; 2.999; 3.001; 3.7; 5.0; 5.999; 6.001 |]
    let values = doubles UnaryOperation.Erf x
    Array.iteri (fun i value -> relative $"erf {x[i]}" 1e-12 (integral x[i]) value) values

[<Fact>]
let ``the ends of the number line are where they should be`` () =
    let check (kernels: KernelSet<'T>) =
        let at operation (x: float) (expected: float) =
            let block, y = Block<'T>(Array.create 5 x, 0), Block<'T>(Array.zeroCreate 5, 0)
            kernels.Unary(operation, block.Address, y.Address, 5)
            let actual = y.Values[4]

            Assert.True(
                actual.Equals expected && Double.IsNegative actual = Double.IsNegative expected
                || Double.IsNaN expected && Double.IsNaN actual,
                $"{kernels.Name} {operation}({x}) is {actual}, not {expected}"
            )

        for operation in Enum.GetValues<UnaryOperation>() do
            at operation nan nan

        for operation in
            [
                UnaryOperation.Tanh
                UnaryOperation.ExpMinusOne
                UnaryOperation.LogOnePlus
                UnaryOperation.Sin
                UnaryOperation.Erf
            ] do
            at operation 0.0 0.0
            at operation -0.0 -0.0

        at UnaryOperation.Exp infinity infinity
        at UnaryOperation.Exp -infinity 0.0
        at UnaryOperation.Exp 0.0 1.0
        at UnaryOperation.ExpMinusOne infinity infinity
        at UnaryOperation.ExpMinusOne -infinity -1.0
        at UnaryOperation.Log infinity infinity
        at UnaryOperation.Log 0.0 -infinity
        at UnaryOperation.Log -0.0 -infinity
        at UnaryOperation.Log -1.0 nan
        at UnaryOperation.Log 1.0 0.0
        at UnaryOperation.LogOnePlus infinity infinity
        at UnaryOperation.LogOnePlus -1.0 -infinity
        at UnaryOperation.LogOnePlus -2.0 nan
        at UnaryOperation.LogOnePlus -infinity nan

        for sign in [ 1.0; -1.0 ] do
            at UnaryOperation.Tanh (sign * infinity) sign
            at UnaryOperation.Tanh (sign * 30.0) sign
            at UnaryOperation.Erf (sign * infinity) sign
            at UnaryOperation.Erf (sign * 7.0) sign
            at UnaryOperation.Sin (sign * infinity) nan
            at UnaryOperation.Cos (sign * infinity) nan

        at UnaryOperation.Sigmoid infinity 1.0
        at UnaryOperation.Sigmoid -infinity 0.0
        at UnaryOperation.Softplus infinity infinity
        at UnaryOperation.Softplus -infinity 0.0
        at UnaryOperation.LogGamma 0.0 infinity
        at UnaryOperation.LogGamma -1.0 nan
        at UnaryOperation.Digamma 0.0 -infinity
        at UnaryOperation.Trigamma 0.0 infinity

    Kernels.singles |> List.iter check
    Kernels.doubles |> List.iter check
