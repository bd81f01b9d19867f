/// Proximal policy optimisation around the five gaps: networks, collecting, epochs of minibatches. Nothing is to be
/// done here; it shows where each gap is used.
module Rl.Tutorial.Training

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Environments
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

[<Literal>]
let Environment = "Pendulum-v1"

let private copies, steps, epochs, minibatch = 8, 256, 10, 128
let private discount, lambda, learningRate, maxGradientNorm = 0.95, 0.95, 1e-3, 0.5
let private lossOptions = LossOptions(0.2, 0.5, 0.0)

/// Rewards down to −16 a step would make the value's gradient drown the policy's.
let private rewardScale = 0.1f

// --- The networks: µ(s; θ), ln σ and V(s; θ), whose parameters lie in one vector θ

type private Networks = { Actor: Mlp; Critic: Mlp; Layout: Layout }

let private networks (environment: BatchEnvironment) actions =
    let inputs = environment.ObservationSize
    let actor = Mlp.create 0.01 inputs [ 64; 64 ] actions
    let critic = Mlp.create 1.0 inputs [ 64; 64 ] 1
    let deviation = Layout.empty |> Layout.add "logDeviation" [| actions |] (Initialiser.Constant 0.0)

    {
        Actor = actor
        Critic = critic
        Layout = Layout.merge [ "actor", Mlp.layout actor; "critic", Mlp.layout critic; "policy", deviation ]
    }

/// struct (π(·|s), V(s)) of observations [M, inputs].
let private evaluate (networks: Networks) theta (observations: Expr) : struct (DiagonalNormal * Expr) =
    let parameters = Parameters.create networks.Layout theta
    let mean = Mlp.apply networks.Actor (Parameters.at "actor" parameters) observations
    let values = Mlp.apply networks.Critic (Parameters.at "critic" parameters) observations
    let logDeviation = Parameters.block "logDeviation" (Parameters.at "policy" parameters)
    struct (DiagonalNormal.create mean logDeviation, Expr.reshape [| observations.Shape[0] |] values)

/// A compiled forward pass for so many observations: µ, ln σ and V.
let private forward networks rows : Program<float32> =
    let theta = Expr.input "theta" [| networks.Layout.Count |]

    let struct (policy, values) =
        evaluate networks theta (Expr.input "observations" [| rows; networks.Actor.Inputs |])

    Program.compile
        {
            Outputs = [ "mean", policy.Mean; "logDeviation", policy.LogStandardDeviation; "values", values ]
            Carried = []
        }

/// A compiled step on a minibatch, made of the gaps 4 and 5.
let private trainStep networks actions : Program<float32> =
    let column name = Expr.input name [| minibatch |]
    let theta = Expr.input "theta" [| networks.Layout.Count |]
    let observations = Expr.input "observations" [| minibatch; networks.Actor.Inputs |]
    let struct (policy, value) = evaluate networks theta observations

    let loss =
        Exercise.loss
            lossOptions
            {
                LogProbability = DiagonalNormal.logProbability (Expr.input "actions" [| minibatch; actions |]) policy
                OldLogProbability = column "logProbabilities"
                Advantage = PolicyGradients.standardise (column "advantages")
                Value = value
                Return = column "returns"
                Entropy = DiagonalNormal.entropy policy
            }

    let adam = Optimiser.adam (Schedule.constant learningRate) 1e-5
    let state = Optimiser.inputs "adam." theta.Count adam
    let struct (next, newState) = Exercise.descend adam maxGradientNorm loss state theta
    Program.compile { Outputs = [ "loss", loss ]; Carried = (theta, next) :: List.zip state newState }

// --- What it collects

let private run (forward: Program<float32>) (observations: ReadOnlySpan<float32>) =
    forward.Set("observations", observations)
    forward.Run()

/// A rollout by the gaps 1 and 2, and the returns of the episodes that ended.
let private collect (environment: BatchEnvironment) (forward: Program<float32>) (seen: float32[]) (key: Rng) =
    let size, actions = environment.ObservationSize, forward.Output("logDeviation").Length
    let rollout = Rollout(steps, copies, size, actions)
    let buffers = environment.AllocateBuffers()
    let taken = Array.zeroCreate<float32>(copies * actions)
    let mutable key = key
    let mutable returns = []

    for time in 0 .. steps - 1 do
        run forward (ReadOnlySpan seen)
        let means, values = forward.Output("mean").ToArray(), forward.Output("values").ToArray()
        let logDeviation = forward.Output("logDeviation").ToArray()

        let logProbabilities =
            Array.init copies (fun copy ->
                let noise =
                    Array.init actions (fun _ ->
                        let struct (number, next) = Rng.normal key
                        key <- next
                        float32 number)

                let action = Array.zeroCreate<float32> actions
                let mean = means[copy * actions .. (copy + 1) * actions - 1]
                let logProbability = Exercise.act mean logDeviation noise action
                action.CopyTo(taken, copy * actions)
                logProbability)

        environment.StepAll(ReadOnlySpan taken, buffers)
        let isOver copy = buffers.Terminated.Span[copy] || buffers.Truncated.Span[copy]

        // Where an episode is over, the next row is the first of another one; its own last one stands elsewhere.
        let next = buffers.Observations.ToArray()

        for copy in 0 .. copies - 1 do
            if isOver copy then
                buffers.FinalObservations.Span.Slice(copy * size, size).CopyTo(next.AsSpan(copy * size))
                returns <- buffers.EpisodeReturns.Span[copy] :: returns

        run forward (ReadOnlySpan next)

        for copy in 0 .. copies - 1 do
            Exercise.store
                rollout
                time
                copy
                (Transition(
                    Observation = ReadOnlyMemory(seen, copy * size, size),
                    Action = ReadOnlyMemory(taken, copy * actions, actions),
                    LogProbability = logProbabilities[copy],
                    Value = values[copy],
                    Reward = rewardScale * buffers.Rewards.Span[copy],
                    NextValue = forward.Output("values")[copy],
                    Terminated = buffers.Terminated.Span[copy],
                    Over = isOver copy
                ))

        buffers.Observations.CopyTo(Memory seen)

    struct (rollout, returns, key)

// --- The algorithm

/// Trains for some environment steps and tells, after each update, the steps and the returns of the episodes that
/// ended; gives the mean return of the last hundred.
let train (totalSteps: int) (seed: uint64) (report: int -> float list -> unit) : float =
    let environment = (Registry.make Environment).Vectorise copies
    let actions = environment.ActionSpace.Size
    let networks = networks environment actions
    let forward = forward networks copies
    let step = trainStep networks actions
    let struct (start, key) = Layout.initialise (Rng.create seed) networks.Layout
    let struct (environmentKey, key) = Rng.split key
    let mutable key = key
    let mutable last = []
    step.Set("theta", ReadOnlySpan(Array.map float32 start))
    environment.Reset environmentKey
    let seen = Array.zeroCreate<float32>(copies * environment.ObservationSize)
    environment.Observe(Span seen)
    let order = Array.init (steps * copies) id

    for update in 1 .. (totalSteps + order.Length - 1) / order.Length do
        (step.Input "theta").CopyTo(forward.Input "theta")
        let struct (rollout, returns, next) = collect environment forward seen key
        key <- next
        let advantages = Exercise.advantages rollout discount lambda
        let goals = Array.map2 (+) advantages rollout.Values

        for _ in 1..epochs do
            key <- Rng.shuffle (Span order) key

            for rows in Array.chunkBySize minibatch order do
                let set (name: string) width (column: float32[]) =
                    step.Set(
                        name,
                        ReadOnlySpan(rows |> Array.collect (fun row -> column[row * width .. (row + 1) * width - 1]))
                    )

                set "observations" rollout.ObservationSize rollout.Observations
                set "actions" rollout.ActionSize rollout.Actions
                set "logProbabilities" 1 rollout.LogProbabilities
                set "advantages" 1 advantages
                set "returns" 1 goals
                step.Run()

        last <- List.truncate 100 (returns @ last)
        report (update * order.Length) returns

    List.average last
