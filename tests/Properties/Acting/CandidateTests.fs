/// Policies that choose among actions such as the data has: what they propose, what they take, how they are saved.
module Rl.Tests.Acting.CandidateTests

open System
open System.IO
open FsCheck.Xunit
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Training
open Xunit

let private observed, actions = 3, 2

let private candidates: ActionCandidates =
    let network besides hidden = ActionCritic.create Activation.Tanh observed besides hidden

    {
        Decoder = { network 4 [ 6 ] 1 with Layers.Outputs = actions; Layers.OutputActivation = Activation.Tanh }
        Perturbation =
            { network actions [ 5 ] 1 with Layers.Outputs = actions; Layers.OutputActivation = Activation.Tanh }
        Critics = network actions [ 7 ] 2
        Latents = 4
        Count = 6
        Reach = 0.3
    }

let private actor: Actor =
    { Actor.create Activation.Identity observed [] (DeterministicPolicy.create actions) with
        Candidates = Some candidates
    }

let private values (x: Expr) = (Reference.evaluate x).ToArray()

/// Numbers far from where networks start, so that candidates differ.
let private random count (scale: float) (seed: uint64) =
    let drawn = Array.zeroCreate<float32> count
    Rng.normals (Span drawn) (Rng.create seed) |> ignore
    drawn |> Array.map (fun value -> scale * float value)

let private rows count (x: float[]) = Expr.reshape [| count; x.Length / count |] (Expr.vector x)

[<Property(MaxTest = 30)>]
let ``the candidate of the largest value is taken, no further than Φ from what the decoder makes`` (seed: uint64) =
    let layout = Actor.layout actor
    let theta = random layout.Count 1.5 seed
    let parameters = Parameters.create layout (Expr.vector theta)
    let states = random (4 * observed) 1.0 (seed + 1UL)
    let acted = values (Actor.policy actor parameters (rows 4 states))
    let block = layout["candidates/latents"]
    let at name = Parameters.at name parameters

    for row in 0..3 do
        let state = rows 1 states[row * observed .. row * observed + observed - 1]

        // Each by itself, with latent numbers cut off at a half.
        let proposed =
            [
                for k in 0 .. candidates.Count - 1 do
                    let latents =
                        Array.sub theta (block.Offset + k * candidates.Latents) candidates.Latents
                        |> Array.map (fun z -> Math.Clamp(z, -0.5, 0.5))
                        |> rows 1

                    let made =
                        Expr.concat -1 [ state; latents ]
                        |> Mlp.apply candidates.Decoder.Layers (Parameters.at "0" (at "decoder"))

                    let direction =
                        Expr.concat -1 [ state; made ]
                        |> Mlp.apply candidates.Perturbation.Layers (Parameters.at "0" (at "perturbation"))
                        |> values

                    let made = values made

                    let moved = Array.map2 (fun a xi -> Math.Clamp(a + candidates.Reach * xi, -1.0, 1.0)) made direction

                    Array.iter2 (fun a m -> Assert.InRange(abs (m - a), 0.0, candidates.Reach + 1e-12)) made moved
                    let worth = ActionCritic.value candidates.Critics 0 (at "critics") state (rows 1 moved)
                    (values worth)[0], moved
            ]

        let best = proposed |> List.maxBy fst |> snd
        Array.iteri (fun i expected -> Assert.Equal(expected, acted[row * actions + i], 1e-12)) best

/// A saved agent of BCQ.
let private saved =
    lazy
        use workers = new Workers(1)
        let environment = (Registry.make "Pendulum-v1").Vectorise 1
        use learner = Bcq.create (BcqOptions.ofPairs Bcq.entry.Small) environment workers

        {
            Algorithm = "bcq"
            EnvironmentId = "Pendulum-v1"
            Seed = 5UL
            ObservationSpace = environment.ObservationSpace
            ActionSpace = environment.ActionSpace
            Network = learner.Network
            Options = learner.Options
            Notes = []
            Wrapping = Wrapping.ofBatch environment
            State = learner.Initialise(Rng.create 5UL)
        }

[<Fact>]
let ``a file has the candidates again`` () =
    let read = Checkpoint.ofBytes "agent.rl" (Checkpoint.toBytes saved.Value)
    Assert.Equal(saved.Value.Network.Candidates, read.Network.Candidates)
    Assert.Equal<float32[]>(saved.Value.State.Parameters, read.State.Parameters)

[<Fact>]
let ``files whose candidates do not fit are refused`` () =
    let refusal change =
        let network = saved.Value.Network
        let own = Some(change (Option.get network.Candidates))
        let bytes = Checkpoint.toBytes { saved.Value with Network = { network with Candidates = own } }
        Assert.Throws<InvalidDataException>(fun () -> Checkpoint.ofBytes "agent.rl" bytes |> ignore).Message

    Assert.Contains("decoder", refusal (fun c -> { c with Decoder.Layers.Outputs = 3 }))
    Assert.Contains("takes", refusal (fun c -> { c with Latents = 5 }))
    Assert.Contains("perturbation", refusal (fun c -> { c with Perturbation.Layers.Inputs = 9 }))
    Assert.Contains("critic", refusal (fun c -> { c with Critics.Layers.Outputs = 2 }))
    Assert.Contains("reaches", refusal (fun c -> { c with Reach = nan }))
    Assert.Contains("parameters", refusal (fun c -> { c with Count = 1_000_000 }))

[<Fact>]
let ``who acts in an environment does so by what was just learned, however long rounds are`` () =
    use workers = new Workers(1)
    let environment () = (Registry.make "Pendulum-v1").Vectorise 1
    let data = Rl.Tests.Algorithms.Recordings.random (environment ()) 60 (Rng.create 5UL)

    let trained rounds count =
        let options = Bcq.entry.Small @ [ "OfflineSteps", "6"; "LearningRate", "0.05"; "RoundSteps", rounds ]
        let bare = Bcq.create (BcqOptions.ofPairs options) (environment ()) workers
        use learner = LearnerData.Give(Rl.Tests.Algorithms.Recordings.replayFor bare data, bare)
        let mutable state = learner.Initialise(Rng.create 3UL)

        for _ in 1..count do
            let struct (next, _) = learner.Transition state
            state <- next

        state

    let few, many = trained "2" 12, trained "6" 4
    Assert.Equal(24L, few.Steps)
    Assert.Equal<float32[]>(few.Parameters, many.Parameters)
    Assert.Equal(few.Replay, many.Replay)
