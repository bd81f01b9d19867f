/// Arrays that begin where cache lines do.
module Rl.Tests.Foundations.LinesTests

open System
open System.Runtime.CompilerServices
open Rl.Core.Foundations
open Xunit

[<Struct>]
type private Three = { A: float; B: float; C: float }

[<Struct; InlineArray(40)>]
type private Long =
    [<DefaultValue(false)>]
    val mutable private first: float

let private address (element: byref<'T>) = Unsafe.AsPointer &element |> IntPtr

let private isAligned<'T when 'T: unmanaged and 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType> () =
    for count in [ 1; 5; 64 ] do
        let lines = Lines<'T> count
        Assert.Equal(0n, address &lines[0] % 64n)

[<Fact>]
let ``elements begin at a line`` () =
    isAligned<int>()
    isAligned<float>()
    isAligned<Three>()
    isAligned<Rng>()

[<Fact>]
let ``elements are zero at first, keep what is written, and are those of the span`` () =
    for count in [ 0; 1; 7; 100 ] do
        let lines = Lines<int> count
        Assert.Equal(count, lines.Length)
        Assert.Equal<int[]>(Array.zeroCreate count, lines.Span().ToArray())

        for index in 0 .. count - 1 do
            lines[index] <- index + 1

        Assert.Equal<int[]>(Array.init count (fun index -> index + 1), lines.Span().ToArray())

        Assert.Equal<int[]>(
            Array.init (count / 2) (fun index -> index + 1 + count / 3),
            lines.Span(count / 3, count / 2).ToArray()
        )

[<Fact>]
let ``a range that is not there is refused`` () =
    let lines = Lines<int> 3
    Assert.Throws<ArgumentOutOfRangeException>(fun () -> lines.Span(1, 3).Clear()) |> ignore
    Assert.Throws<ArgumentOutOfRangeException>(fun () -> lines[3] <- 1) |> ignore
    Assert.Throws<ArgumentOutOfRangeException>(fun () -> lines[-1] <- 1) |> ignore
    Assert.Throws<ArgumentOutOfRangeException>(fun () -> lines.Span(-1, 1).Clear()) |> ignore
