/// The reader of golden files on its own: numbers, shapes, tolerances, and failures that name the case.
[<FsCheck.Xunit.Properties(Replay = "(4719029,4719031)")>]
module Rl.Tests.Golden.GoldenFileTests

open System
open System.Text.Json
open Xunit
open FsCheck.Xunit

let private node (json: string) = GoldenNode("file", JsonDocument.Parse(json).RootElement)

[<Fact>]
let ``numbers, booleans and the strings for NaN and infinities are numbers`` () =
    let value = node """{ "x": [[1, -2.5, "NaN"], ["Infinity", "-Infinity", true]], "nothing": null }"""
    Assert.Equal<int[]>([| 2; 3 |], value.Shape "x")
    Assert.Equal<float[]>([| 1.0; -2.5; nan; infinity; -infinity; 1.0 |], value.Floats "x")
    Assert.False(value.Has "nothing")

[<Fact>]
let ``ragged lists and missing members are refused by path`` () =
    let ragged = Assert.ThrowsAny<Exception>(fun () -> (node """{ "x": [[1], [2, 3]] }""").Floats "x" |> ignore)
    Assert.StartsWith("file/x", ragged.Message)
    let missing = Assert.ThrowsAny<Exception>(fun () -> (node """{ "x": 1 }""").Floats "y" |> ignore)
    Assert.Contains("\"y\"", missing.Message)

[<Property>]
let ``a number is close to itself and not to one beyond the tolerance`` (value: float) =
    Golden.isClose 0.0 0.0 value value
    && (not (Double.IsFinite value && abs value < 1e150)
        || Golden.isClose 0.0 1e-6 value (value * (1.0 + 5e-7))
           && not (Golden.isClose 1e-6 1e-6 value (value * (1.0 + 3e-6) + 3e-6 * float (sign value) + 2e-6)))

[<Fact>]
let ``NaN and infinities are close to themselves alone`` () =
    Assert.True(Golden.isClose 0.0 0.0 nan nan)
    Assert.False(Golden.isClose 1.0 1.0 nan 0.0)
    Assert.False(Golden.isClose 1.0 1.0 0.0 nan)
    Assert.False(Golden.isClose 1.0 1.0 infinity 1e300)
    Assert.False(Golden.isClose 1.0 1.0 infinity -infinity)

[<Fact>]
let ``a difference names the case, the quantity and the element`` () =
    let error =
        Assert.ThrowsAny<Exception>(fun () -> Golden.close 1e-9 0.0 (node "{}") "weights" [| 1.0; 2.0 |] [| 1.0; 2.5 |])

    Assert.StartsWith("file: weights[1] is 2.5 instead of 2", error.Message)
