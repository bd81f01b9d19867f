/// Mixtures of normal distributions as policies: one distribution, whether it is drawn from, evaluated or asked for its
/// mode.
[<FsCheck.Xunit.Properties(Replay = "(3319,3323)", MaxTest = 50)>]
module Rl.Tests.Acting.MixtureNormalTests

open System
open FsCheck.Xunit
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Foundations
open Xunit

let private normals (count: int) (seed: uint64) =
    let mutable rng = Rng.create seed

    Array.init count (fun _ ->
        let struct (z, next) = Rng.normal rng
        rng <- next
        z)

let private outputOf (rows: int) (outputs: float[]) : ActorOutput =
    {
        Policy = Expr.reshape [| rows; outputs.Length / rows |] (Expr.vector outputs)
        LogStandardDeviation = None
        Features = None
        Value = Expr.number 0.0
    }

let private numbers (x: Expr) = (Reference.evaluate x).ToArray()

let private logProbability (policy: ActionDistribution) (outputs: float[]) (action: float[]) : float =
    let struct (own, _) =
        policy.Evaluate (outputOf 1 outputs) (Expr.reshape [| 1; action.Length |] (Expr.vector action))

    (numbers own)[0]

[<Property>]
let ``what is drawn has the log-probability that it is evaluated with`` (seed: uint64) =
    let policy = MixtureNormalPolicy.create 2 3 -4.0 1.0
    let outputs = normals policy.Outputs seed
    let action = Array.zeroCreate<float32> 2

    let struct (told, _) =
        policy.Sample.Invoke(ReadOnlySpan(Array.map float32 outputs), ReadOnlySpan.Empty, Span action, Rng.create seed)

    let expected = logProbability policy outputs (Array.map float action)
    Assert.Equal(expected, float told, 1e-4 * (1.0 + abs expected))

[<Property>]
let ``a mixture of numbers integrates to 1, and to its weights on either side`` (seed: uint64) =
    let policy = MixtureNormalPolicy.create 1 2 -3.0 0.0
    let drawn = normals 6 seed
    // Two components far apart, at −20 and 20.
    let outputs = [| drawn[0]; drawn[1]; -20.0; 20.0; drawn[2]; drawn[3] |]
    let step = 0.01
    let weight = exp drawn[0] / (exp drawn[0] + exp drawn[1])

    let mass low high = Seq.sum (seq { for x in low..step..high -> step * exp (logProbability policy outputs [| x |]) })

    Assert.Equal(weight, mass -26.0 -14.0, 1e-6)
    Assert.Equal(1.0 - weight, mass 14.0 26.0, 1e-6)

[<Property>]
let ``the mode is the mean of the heaviest component, in spans and in expressions`` (seed: uint64) =
    let policy = MixtureNormalPolicy.create 2 4 -4.0 1.0
    let outputs = normals policy.Outputs seed
    let heaviest = outputs[..3] |> Array.indexed |> Array.maxBy snd |> fst
    let mean = [| outputs[4 + 2 * heaviest]; outputs[5 + 2 * heaviest] |]
    let action = Array.zeroCreate<float32> 2
    policy.Mode.Invoke(ReadOnlySpan(Array.map float32 outputs), Span action)
    Assert.Equal<float32[]>(Array.map float32 mean, action)
    Assert.Equal<float[]>(mean, numbers (policy.Choice.Mode None (outputOf 1 outputs)))

[<Fact>]
let ``components are drawn in the shares of their weights`` () =
    let policy = MixtureNormalPolicy.create 1 3 -5.0 -4.0
    let outputs = Array.map float32 [| log 0.5; log 0.3; log 0.2; -1.0; 0.0; 1.0; 0.0; 0.0; 0.0 |]
    let action = Array.zeroCreate<float32> 1
    let counts = Array.zeroCreate<float> 3
    let mutable rng = Rng.create 7UL

    for _ in 1..4000 do
        let struct (_, next) = policy.Sample.Invoke(ReadOnlySpan outputs, ReadOnlySpan.Empty, Span action, rng)
        rng <- next
        let side = int (MathF.Round action[0]) + 1
        counts[side] <- counts[side] + 1.0 / 4000.0

    // Five standard deviations are 0.04.
    Array.iter2
        (fun (share: float) counted -> Assert.InRange(counted, share - 0.04, share + 0.04))
        [| 0.5; 0.3; 0.2 |]
        counts

[<Fact>]
let ``no components, no numbers and bounds that are none are refused`` () =
    let refused (name: string) (make: unit -> ActionDistribution) =
        Assert.Equal(name, Assert.ThrowsAny<ArgumentException>(fun () -> make () |> ignore).ParamName)

    refused "components" (fun () -> MixtureNormalPolicy.create 1 0 -1.0 1.0)
    refused "count" (fun () -> MixtureNormalPolicy.create 0 1 -1.0 1.0)
    refused "least" (fun () -> MixtureNormalPolicy.create 1 1 1.0 1.0)
