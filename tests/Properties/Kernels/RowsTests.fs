/// Gathering of rows by their numbers.
[<FsCheck.Xunit.Properties(Replay = "(4719049,4719051)")>]
module Rl.Tests.Kernels.RowsTests

open System
open Rl.Core.Kernels
open Xunit
open FsCheck.Xunit

[<Property(MaxTest = 200)>]
let ``rows arrive whole, in the order asked for, whatever their width`` (width: byte) (places: byte[]) =
    let width, sourceRows = 1 + int width % 40, 11
    let source = Array.init (sourceRows * width) (fun i -> float32 i)
    let rows = places |> Array.map (fun place -> int place % sourceRows)
    let target = Array.create (rows.Length * width) nanf
    Rows.gather (ReadOnlySpan source, width, ReadOnlySpan rows, Span target)
    Assert.Equal<float32[]>(rows |> Array.collect (fun row -> source[row * width .. row * width + width - 1]), target)

[<Fact>]
let ``a row that is not there raises and reads nothing beyond the source`` () =
    for width in [ 1; 2; 3; 4; 8; 20 ] do
        for row in [ -1; 5 ] do
            let source = Array.zeroCreate<float32>(5 * width)

            let gather () =
                Rows.gather (ReadOnlySpan source, width, ReadOnlySpan [| row |], Span(Array.zeroCreate<float32> width))

            Assert.ThrowsAny<SystemException> gather |> ignore
