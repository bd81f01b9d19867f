/// REINFORCE's credit: returns and average baselines of trajectories.
[<FsCheck.Xunit.Properties(Replay = "(4719033,4719035)")>]
module Rl.Tests.Algorithms.CreditTests

open FsCheck.Xunit
open Rl.Core.Algorithms
open Xunit
open FsCheck

let private rewards (values: NonEmptyArray<NormalFloat>) = values.Get |> Array.map (fun value -> value.Get % 100.0)
let private close (a: float) (b: float) = abs (a - b) <= 1e-9 * (1.0 + abs a)

[<Property>]
let ``the full return is the reward-to-go of the first step, for every step`` (values: NonEmptyArray<NormalFloat>) =
    let rewards = rewards values
    let full = Credit.returns ReturnEstimate.FullReturn 0.97 0.0 rewards
    let toGo = Credit.returns ReturnEstimate.RewardToGo 0.97 0.0 rewards
    full |> Array.forall (fun value -> value = toGo[0])

[<Property>]
let ``the reward-to-go is the discounted sum from its step on, with the bootstrap after the last``
    (values: NonEmptyArray<NormalFloat>)
    =
    let rewards = rewards values
    let discount, bootstrap = 0.9, 3.0
    let toGo = Credit.returns ReturnEstimate.RewardToGo discount bootstrap rewards

    Seq.forall
        (fun t ->
            let rest = rewards[t..]
            let sum = rest |> Array.mapi (fun k reward -> discount ** float k * reward) |> Array.sum
            close (sum + discount ** float rest.Length * bootstrap) toGo[t])
        [ 0 .. rewards.Length - 1 ]

[<Property>]
let ``credit less its average baseline adds up to 0 at every step``
    (values: NonEmptyArray<NonEmptyArray<NormalFloat>>)
    =
    let returns =
        values.Get
        |> Array.map (fun trajectory -> Credit.returns ReturnEstimate.RewardToGo 0.95 0.0 (rewards trajectory))

    let baselines = Credit.averageBaseline ReturnEstimate.RewardToGo returns
    let longest = returns |> Array.map Array.length |> Array.max

    Seq.forall
        (fun t ->
            let sum =
                Array.map2
                    (fun (estimate: float[]) (baseline: float[]) ->
                        if t < estimate.Length then estimate[t] - baseline[t] else 0.0)
                    returns
                    baselines
                |> Array.sum

            abs sum < 1e-6)
        [ 0 .. longest - 1 ]

[<Fact>]
let ``the lecture's baseline is the mean return of the trajectories`` () =
    let returns = [| [| 6.0; 6.0 |]; [| 2.0 |]; [| 1.0; 1.0; 1.0 |] |]
    let baselines = Credit.averageBaseline ReturnEstimate.FullReturn returns
    Assert.Equal<float[][]>([| [| 3.0; 3.0 |]; [| 3.0 |]; [| 3.0; 3.0; 3.0 |] |], baselines)
