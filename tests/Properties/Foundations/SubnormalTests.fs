/// Copies without subnormal numbers: which bits stay, and which become a zero.
module Rl.Tests.Foundations.SubnormalTests

open System
open Rl.Core.Foundations
open Xunit

let private bits (value: float32) = BitConverter.SingleToUInt32Bits value

[<Fact>]
let ``subnormal numbers become zeros of their sign, and all others keep their bits, wherever they stand`` () =
    let others =
        [|
            0.0f
            -0.0f
            1.0f
            -2.5f
            BitConverter.UInt32BitsToSingle 0x00800000u
            BitConverter.UInt32BitsToSingle 0x80800000u
            Single.MaxValue
            Single.PositiveInfinity
            Single.NegativeInfinity
            Single.NaN
        |]

    let subnormal =
        [|
            Single.Epsilon
            -Single.Epsilon
            BitConverter.UInt32BitsToSingle 0x007FFFFFu
            BitConverter.UInt32BitsToSingle 0x807FFFFFu
        |]

    let values = Array.append others subnormal

    for length in 0..40 do
        for start in 0 .. values.Length - 1 do
            let source = Array.init length (fun index -> values[(start + 3 * index) % values.Length])
            let target = Array.create length 7.0f
            Subnormal.copyWithout (ReadOnlySpan source) (Span target)

            for index in 0 .. length - 1 do
                let expected =
                    if Single.IsSubnormal source[index] then
                        bits source[index] &&& 0x80000000u
                    else
                        bits source[index]

                Assert.Equal(expected, bits target[index])

[<Fact>]
let ``a target of another length is refused`` () =
    Assert.ThrowsAny<ArgumentException>(fun () ->
        Subnormal.copyWithout (ReadOnlySpan [| 1.0f |]) (Span [| 1.0f; 2.0f |]))
    |> ignore
