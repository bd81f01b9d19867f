/// Finding the operation that first made a number that is not finite.
module Rl.Tests.Autodiff.NonFiniteTests

open System
open Rl.Core.Autodiff
open Xunit

let private x = Expr.input "x" [| 6; 2 |]
let private w = Expr.input "w" [| 2; 3 |]
let private ofSamples name = if name = "x" then ValueSome 0 else ValueNone

let private find output (values: (string * float32[]) list) =
    NonFinite.origin { Outputs = [ "loss", output ]; Carried = [] } ofSamples (Map.ofList values).get_Item

let private rows = Array.init 12 (fun i -> 1.0f + float32 i)

[<Fact>]
let ``what is finite has no origin`` () = Assert.True((find (Expr.mean (Expr.log x)) [ "x", rows ]).IsNone)

[<Fact>]
let ``the operation is named with its operands, its element and its sample`` () =
    let values = rows |> Array.mapi (fun i value -> if i = 7 then -2.0f else value)
    let origin = (find (Expr.mean (Expr.square (Expr.log x)) + 1.0) [ "x", values ]).Value
    Assert.StartsWith("Log[", origin.Operation)
    Assert.Equal<string list>([ "-2" ], origin.Operands)
    Assert.Equal<int[]>([| 3; 1 |], origin.Index)
    Assert.True(Double.IsNaN origin.Value)
    Assert.Equal(ValueSome 3, origin.Sample)

[<Fact>]
let ``samples are followed through products, slices, lanes, transposes and sums over other axes`` () =
    let part = Expr.lane 1 (Expr.slice 0 3 6 x)
    let product = Expr.matmul part w |> Expr.transpose |> Expr.square |> Expr.sumOver [| 0 |]
    let values = rows |> Array.mapi (fun i value -> if i / 2 = 4 then 1e30f else value)
    let origin = (find (Expr.mean product) [ "x", values; "w", Array.create 6 1.0f ]).Value
    Assert.StartsWith("Square[", origin.Operation)
    Assert.Equal(ValueSome 4, origin.Sample)

[<Fact>]
let ``what sums over the samples belongs to none of them`` () =
    let origin = (find (Expr.sum x) [ "x", Array.create 12 1e38f ]).Value
    Assert.StartsWith("Sum over [", origin.Operation)
    Assert.Equal(ValueNone, origin.Sample)

[<Fact>]
let ``an input that is not finite is its own origin`` () =
    let values = rows |> Array.mapi (fun i value -> if i = 9 then nanf else value)
    let origin = (find (Expr.mean (Expr.exp x)) [ "x", values ]).Value
    Assert.Equal("x", origin.Operation)
    Assert.Equal<int[]>([| 4; 1 |], origin.Index)
    Assert.Equal(ValueSome 4, origin.Sample)

[<Fact>]
let ``an infinity that is taken back is not blamed for another`` () =
    let harmless = Expr.exp (-Expr.exp(x * 100.0)) // e^−∞ = 0
    let guilty = Expr.sqrt (x - 3.0)
    let values = rows
    let origin = (find (Expr.mean (harmless + guilty)) [ "x", values ]).Value
    Assert.StartsWith("Sqrt[", origin.Operation)

[<Fact>]
let ``a carried value counts as a result`` () =
    let source = { Outputs = [ "y", Expr.mean w ]; Carried = [ w, w / 0.0 ] }
    let origin = NonFinite.origin source ofSamples (fun _ -> Array.create 6 1.0f)
    Assert.True origin.IsSome
