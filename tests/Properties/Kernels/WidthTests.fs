/// Which width of vectors is taken, and the arithmetic that stands in for what hardware lacks at 128 bits.
[<FsCheck.Xunit.Properties(Replay = "(4719053,4719055)")>]
module Rl.Tests.Kernels.WidthTests

open System
open System.Runtime.Intrinsics
open Rl.Core.Kernels
open Xunit
open FsCheck.Xunit

let private bits (x: float32) = BitConverter.SingleToInt32Bits x

let private check (a: float32) (b: float32) (c: float32) =
    let result =
        Fused128.multiplyAdd (
            Vector128.Create(a, b, -a, a),
            Vector128.Create(b, a, b, b),
            Vector128.Create(c, c, c, -c)
        )

    let expected =
        [|
            MathF.FusedMultiplyAdd(a, b, c)
            MathF.FusedMultiplyAdd(b, a, c)
            MathF.FusedMultiplyAdd(-a, b, c)
            MathF.FusedMultiplyAdd(a, b, -c)
        |]

    for lane in 0..3 do
        let found = result.GetElement lane

        Assert.True(
            (bits found = bits expected[lane] || (Single.IsNaN found && Single.IsNaN expected[lane])),
            $"{a:R} * {b:R} + {c:R}, lane {lane}: {found:R}, not {expected[lane]:R}"
        )

[<Property(MaxTest = 20000)>]
let ``a multiply-add without the instruction has the bits of the instruction, for any numbers``
    (a: int)
    (b: int)
    (c: int)
    =
    // Spread over all patterns, infinities and what is no number among them.
    let pattern (x: int) = BitConverter.Int32BitsToSingle(x * -1640531535)
    check (pattern a) (pattern b) (pattern c)

[<Property(MaxTest = 20000)>]
let ``a multiply-add without the instruction has the bits of the instruction where sums nearly cancel or tie``
    (a: int)
    (b: int)
    (shift: int)
    (ulps: int)
    =
    let near (x: int) = BitConverter.Int32BitsToSingle(0x3F800000 ||| (x * -1640531535 >>> 9 &&& 0x7FFFFF))
    let a, b = near a, near b
    let product = a * b
    let scaled = BitConverter.Int32BitsToSingle(bits product + ((abs shift % 60 - 30) <<< 23) + ulps % 3)
    check a b scaled
    check a b -scaled

[<Fact>]
let ``a multiply-add without the instruction rounds once where two roundings differ`` () =
    // a·b + c is one part in 2^54 above the middle of two neighbours: float64 rounds it to the middle, and ties go
    // down.
    let a, b = 1.0f + MathF.ScaleB(1.0f, -12), 1.0f + MathF.ScaleB(1.0f, -12)
    let c = MathF.ScaleB(1.0f, -70)
    Assert.NotEqual(float32 (float a * float b + float c), MathF.FusedMultiplyAdd(a, b, c))
    check a b c

    for special in [ 0.0f; -0.0f; infinityf; -infinityf; nanf; Single.MaxValue; Single.Epsilon; 1.1754942e-38f ] do
        for other in [ 0.0f; -0.0f; 1.0f; -3.0f; infinityf; Single.Epsilon; Single.MaxValue ] do
            check special other 1.0f
            check special other special
            check other 1.0f special
            check 0.5f special other

[<Fact>]
let ``a width of the environment is one of four, and anything else is refused by name`` () =
    for setting, expected in [ "512", 512; "256", 256; "128", 128; "0", 0 ] do
        Assert.Equal(ValueSome expected, VectorWidth.parse setting)
        VectorWidth.check setting

    Assert.Equal(ValueSome VectorWidth.ofMachine, VectorWidth.parse null)
    Assert.Equal(ValueSome VectorWidth.ofMachine, VectorWidth.parse "")
    VectorWidth.check null
    VectorWidth.check ""

    for wrong in [ "banana"; "64"; "-1"; "1024"; " 256"; "0x80" ] do
        Assert.Equal(ValueNone, VectorWidth.parse wrong)
        let error = Assert.Throws<ArgumentException>(fun () -> VectorWidth.check wrong)
        Assert.Contains($"RL_VECTOR_BITS is \"{wrong}\"; it must be 512, 256, 128 or 0", error.Message)

[<Fact>]
let ``every width has its kernels, and the machine's are the widest that it has`` () =
    Assert.Equal<int list>([ 16; 8; 4; 1 ], Kernels.singles |> List.map _.Lanes)
    Assert.Equal<int list>([ 8; 4; 2; 1 ], Kernels.doubles |> List.map _.Lanes)
    Assert.Equal(max 1 (Kernels.vectorBits / 32), Kernels.best<float32>.Lanes)
    Assert.Equal(max 1 (Kernels.vectorBits / 64), Kernels.best<float>.Lanes)
    Assert.True(VectorWidth.ofMachine >= 128 || not Vector128.IsHardwareAccelerated)
