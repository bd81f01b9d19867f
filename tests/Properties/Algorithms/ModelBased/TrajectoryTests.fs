/// Theorems about trajectories that a learnt model imagines: how they follow its members, and what ends them.
module Rl.Tests.Algorithms.ModelBased.TrajectoryTests

open System
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Foundations
open Rl.Core.Networks
open Rl.Core.Planning
open Xunit

/// An ensemble whose member m adds m + 1 to the only number of the state, whatever the action, without noise.
let private adders (members: int) =
    let network = ModelNetwork.create Activation.Tanh members 2 [] 1 false true false

    let parameters (index: int) : ReadOnlyMemory<float32> =
        // W [2, 1], then b [1].
        ReadOnlyMemory [| 0.0f; 0.0f; float32 (index + 1) |]

    network, parameters

let private planning propagation particles : ModelPlanning =
    {
        Particles = particles
        Propagation = propagation
        Observations = 1
        Known =
            {
                KnownTask.Reward = Some(KnownReward(fun _ _ next -> float next[0]))
                KnownTask.Terminated = Some(KnownTermination(fun next -> next[0] >= 1000.0f))
            }
    }

/// The returns of sequences of 3 actions from 0.
let private returnsOf propagation particles sequences start =
    let network, parameters = adders 3
    use workers = new Workers(1)
    let returns = ModelReturns(network, planning propagation particles, 3, workers)
    returns.Load(ModelFrame.identity 2 1, [| 0; 1; 2 |], parameters)
    returns.Start(ReadOnlySpan [| start |], Rng.create 9UL)
    let values = Array.zeroCreate<float> sequences
    (returns :> ISequenceReturns).Judge(ReadOnlySpan(Array.zeroCreate<float32>(3 * sequences)), 3, Span values)
    values

[<Fact>]
let ``a particle of TS∞ stays with its member, one of TS1 does not`` () =
    // Member m alone goes through m, 2m and 3m: a return of 6m.
    let stays = returnsOf Propagation.TrajectorySamplingInfinite 1 600 0.0f
    Assert.Equal<Set<float>>(set [ 6.0; 12.0; 18.0 ], set stays)

    for m in 1..3 do
        Assert.Equal(200, stays |> Array.filter ((=) (6.0 * float m)) |> Array.length)

    let changes = returnsOf Propagation.TrajectorySampling 1 600 0.0f
    // 3a + 2b + c of three members: 13 values.
    Assert.Equal<Set<float>>(set [ 6.0 .. 18.0 ], set changes)
    Assert.Equal(12.0, Array.average changes, 1e-9)

[<Fact>]
let ``the mean over particles is that of all members, and expectation follows their mean`` () =
    for propagation in [ Propagation.TrajectorySampling; Propagation.TrajectorySamplingInfinite ] do
        // As many particles of each member in all: sums do not depend on who they are.
        Assert.Equal(12.0, returnsOf propagation 6 50 0.0f |> Array.average, 1e-9)

    Assert.All(returnsOf Propagation.Expectation 1 7 0.0f, (fun value -> Assert.Equal(12.0, value, 1e-9)))

[<Fact>]
let ``what follows an imagined end counts nothing`` () =
    // From 999 every first step ends the trajectory with the reward of its own state.
    let values = returnsOf Propagation.TrajectorySamplingInfinite 1 30 999.0f
    Assert.Equal<Set<float>>(set [ 1000.0; 1001.0; 1002.0 ], set values)

[<Fact>]
let ``judging does not depend on threads or on how often it was asked`` () =
    let network = ModelNetwork.create Activation.Silu 3 2 [ 8 ] 2 true true false
    let struct (theta, _) = Layout.initialise (Rng.create 3UL) (ModelNetwork.layout network)
    let count = (ModelNetwork.layoutOfMember network).Count
    let parameters index : ReadOnlyMemory<float32> = ReadOnlyMemory(Array.map float32 theta, index * count, count)
    let actions = Array.zeroCreate<float32>(70 * 5)
    Rng.normals (Span actions) (Rng.create 8UL) |> ignore

    let judge threads before =
        use workers = new Workers(threads)
        let known = { KnownTask.Reward = None; KnownTask.Terminated = Some(KnownTermination(fun _ -> false)) }
        let planning = { planning Propagation.TrajectorySampling 40 with Known = known }
        let returns = ModelReturns(network, planning, 3, workers)
        returns.Load(ModelFrame.identity 2 2, [| 2; 0; 1 |], parameters)
        let values = Array.zeroCreate<float> 70

        for _ in 0..before do
            returns.Start(ReadOnlySpan [| 0.5f |], Rng.create 9UL)
            (returns :> ISequenceReturns).Judge(ReadOnlySpan actions, 5, Span values)

        values

    let one = judge 1 0
    Assert.Equal<float[]>(one, judge 2 0)
    Assert.Equal<float[]>(one, judge 1 2)

[<Fact>]
let ``planning with one member and without rewards is refused by name`` () =
    let network, _ = adders 3
    use workers = new Workers(1)
    let make planning elites () = ModelReturns(network, planning, elites, workers) |> ignore
    let one = Assert.Throws<ArgumentException>(make (planning Propagation.TrajectorySampling 4) 1)
    Assert.Contains("at least 2 elites", one.Message)
    let unknown = { planning Propagation.Expectation 4 with Known = KnownTasks.none }
    let error = Assert.Throws<ArgumentException>(make unknown 3)
    Assert.Contains("has not learnt rewards", error.Message)
