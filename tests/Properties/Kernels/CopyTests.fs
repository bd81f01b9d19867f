/// Strided copies against counting through every index.
[<FsCheck.Xunit.Properties(Replay = "(4719057,4719059)")>]
module Rl.Tests.Kernels.CopyTests

open System
open Rl.Core.Foundations
open Rl.Core.Kernels
open Rl.Tests.Kernels.KernelMemory
open Xunit
open FsCheck.Xunit

/// Offsets of every element of a box, in row-major order of its indices.
let private offsets (shape: int[]) (strides: int[]) =
    Array.fold2
        (fun (found: int[]) size stride ->
            [|
                for at in found do
                    for i in 0 .. size - 1 -> at + i * stride
            |])
        [| 0 |]
        shape
        strides

let private copies (shape: int[]) (xStrides: int[]) (yStrides: int[]) =
    let from, into = offsets shape xStrides, offsets shape yStrides
    let x = draws 3 (1 + Array.fold max 0 from)
    let size = 1 + Array.fold max 0 into
    let expected = Array.create size 7.0
    Array.iter2 (fun source target -> expected[target] <- x[source]) from into

    everywhere
        { new Law with
            member _.Holds<'T when 'T: unmanaged and 'T :> Numerics.IBinaryFloatingPointIeee754<'T>>
                (kernels: KernelSet<'T>)
                =
                let y = Block<'T>(Array.create size 7.0, 1)
                kernels.CopyStrided(Block<'T>(x, 2).Address, xStrides, y.Address, yStrides, shape)
                close $"{kernels.Name} %A{shape} %A{xStrides} %A{yStrides}" 0.0 expected y.Values
        }

/// Strides of a box stored with its axes in the order `order`, outermost first, with `pad` unused elements after each
/// row.
let private strides (shape: int[]) (order: int[]) (pad: int) =
    let result = Array.zeroCreate shape.Length
    let mutable step = 1

    for place in shape.Length - 1 .. -1 .. 0 do
        result[order[place]] <- step
        step <- step * shape[order[place]] + (if place = shape.Length - 1 then pad else 0)

    result

[<Property(MaxTest = 300)>]
let ``a strided copy moves every element to its place`` (seed: uint64) (rank: byte) =
    let rank = int rank % 9
    let struct (sizes, rng) = Rng.permutation 24 (Rng.create seed)

    let limit =
        if rank <= 3 then 19
        elif rank <= 5 then 5
        else 3

    let shape = Array.init rank (fun axis -> if sizes[axis] = 0 then 0 else 1 + sizes[axis] % limit)
    let struct (first, rng) = Rng.permutation rank rng
    let struct (second, rng) = Rng.permutation rank rng
    let struct (flags, _) = Rng.bits rng
    let bit place = int (flags >>> place) &&& 1
    let yOrder = if bit 20 = 0 then Array.init rank id else second

    let xStrides =
        strides shape first (bit 21)
        |> Array.mapi (fun axis step -> if bit axis &&& bit (axis + 8) = 1 then 0 else step)

    copies shape xStrides (strides shape yOrder (bit 22))

[<Fact>]
let ``transposes of every small size and of odd large ones are right`` () =
    for rows in [ 1; 2; 7; 8; 9; 16; 23; 64; 65 ] do
        for columns in [ 1; 2; 7; 8; 9; 16; 23; 64; 65 ] do
            copies [| rows; columns |] [| 1; rows |] [| columns; 1 |]
            copies [| rows; columns |] [| columns; 1 |] [| 1; rows |]
            copies [| rows; columns |] [| 1; rows + 3 |] [| columns + 2; 1 |]

    copies [| 3; 33; 40 |] [| 33 * 40; 1; 33 |] [| 33 * 40; 40; 1 |]

[<Fact>]
let ``a number of rank 0 is copied`` () = copies [||] [||] [||]

[<Fact>]
let ``rows and columns are broadcast`` () =
    copies [| 50; 70 |] [| 0; 1 |] [| 70; 1 |]
    copies [| 50; 70 |] [| 1; 0 |] [| 70; 1 |]
    copies [| 50; 2 |] [| 1; 0 |] [| 2; 1 |]
    copies [| 2; 50; 3 |] [| 0; 0; 0 |] [| 150; 3; 1 |]
