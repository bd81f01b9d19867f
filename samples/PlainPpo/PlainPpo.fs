/// Proximal policy optimisation in its plainest form, for discrete actions: one file to read from top to bottom.
/// The library's own `Ppo` computes the same with masks, images, memories, threads and exact resumption.
/// (Schulman, Wolski, Dhariwal, Radford, Klimov, "Proximal policy optimization algorithms", 2017; slides 14, 15, 18 and
/// 20.)
module PlainPpo

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Networks
open Rl.Core.Optimisers
open Rl.Core.Objectives
open Rl.Core.Environments

type Options =
    {
        /// T: steps of each copy between updates.
        RolloutSteps: int
        /// K: passes over a rollout.
        Epochs: int
        /// M: samples of a gradient step; must divide T · N.
        MinibatchSize: int
        /// α: Adam's step size.
        LearningRate: float
        /// γ and λ.
        Discount: float
        GaeLambda: float
        /// ε: the ratio's range.
        ClipRange: float
        EntropyCoefficient: float
        MaxGradientNorm: float
    }

let defaults =
    {
        RolloutSteps = 128
        Epochs = 10
        MinibatchSize = 256
        LearningRate = 1e-3
        Discount = 0.99
        GaeLambda = 0.95
        ClipRange = 0.2
        EntropyCoefficient = 0.0
        MaxGradientNorm = 0.5
    }

// --- The networks: π(a|s; θ) and V(s; θ), whose parameters lie in one vector θ
// ---------------------------------------------

type Networks = { Actor: Mlp; Critic: Mlp; Layout: Layout }

let networks (environment: BatchEnvironment) =
    let inputs, actions = environment.ObservationSize, environment.ActionSpace.Choices
    let actor = Mlp.create 0.01 inputs [ 64; 64 ] actions
    let critic = Mlp.create 1.0 inputs [ 64; 64 ] 1

    {
        Actor = actor
        Critic = critic
        Layout = Layout.merge [ "actor", Mlp.layout actor; "critic", Mlp.layout critic ]
    }

/// struct (π(·|s), V(s)) of observations [M, inputs].
let evaluate (networks: Networks) (theta: Expr) (observations: Expr) : struct (Categorical * Expr) =
    let parameters = Parameters.create networks.Layout theta
    let logits = Mlp.apply networks.Actor (Parameters.at "actor" parameters) observations
    let values = Mlp.apply networks.Critic (Parameters.at "critic" parameters) observations
    struct (Categorical.ofLogits logits, Expr.reshape [| observations.Shape[0] |] values)

// --- What it minimises
// ------------------------------------------------------------------------------------------------

/// L(θ) = mean[ −min(ρ A, clip(ρ, 1 − ε, 1 + ε) A) + ½ · ½ (V − R)² − c H(π) ], with ρ = π(a|s; θ) / π(a|s; θ_old).
let loss (o: Options) (networks: Networks) (theta: Expr) (m: int) : Expr =
    let column name = Expr.input name [| m |]

    let struct (policy, value) = evaluate networks theta (Expr.input "observations" [| m; networks.Actor.Inputs |])

    let logProbability = Categorical.logProbability (column "actions") policy
    let advantage = PolicyGradients.standardise (column "advantages")
    let ratio = PolicyGradients.ratio logProbability (column "logProbabilities")
    let surrogate = PolicyGradients.clippedSurrogate (Expr.number o.ClipRange) ratio advantage
    let valueLoss = PolicyGradients.valueLoss value (column "returns")
    Expr.mean (surrogate + 0.5 * valueLoss - o.EntropyCoefficient * Categorical.entropy policy)

/// A compiled step (θ, Adam's moments) ← Adam(∇L, clipped); its inputs are the minibatch's columns, θ and the moments.
let trainStep (o: Options) (networks: Networks) : Program<float32> =
    let theta = Expr.input "theta" [| networks.Layout.Count |]
    let loss = loss o networks theta o.MinibatchSize
    let adam = Optimiser.adam (Schedule.constant o.LearningRate) 1e-5 |> Optimiser.clipped o.MaxGradientNorm
    let state = Optimiser.inputs "adam." theta.Count adam
    let gradient = (Diff.gradients loss [| theta |])[0]
    let struct (newTheta, newState) = Optimiser.update adam gradient state theta

    Program.compile { Outputs = [ "loss", loss ]; Carried = (theta, newTheta) :: List.zip state newState }

/// A compiled forward pass for N observations: ln π(·|s) [N, A] and V(s) [N].
let forward (networks: Networks) (n: int) : Program<float32> =
    let theta = Expr.input "theta" [| networks.Layout.Count |]
    let observations = Expr.input "observations" [| n; networks.Actor.Inputs |]
    let struct (policy, values) = evaluate networks theta observations
    Program.compile { Outputs = [ "policy", policy.LogProbabilities; "values", values ]; Carried = [] }

// --- What it collects
// -------------------------------------------------------------------------------------------------

/// T steps of N copies, time-major: row t·N + n is copy n at time t.
type Rollout =
    {
        Observations: float32[]
        Actions: float32[]
        LogProbabilities: float32[]
        Values: float32[]
        Rewards: float32[]
        Terminated: bool[]
        Truncated: bool[]
        /// V of the true last observation, where an episode was cut.
        FinalValues: float32[]
        /// V after the last step [N].
        LastValues: float32[]
        /// The returns of the episodes that ended.
        EpisodeReturns: float list
    }

let collect
    (o: Options)
    (environment: BatchEnvironment)
    (forward: Program<float32>)
    (key: Rng)
    : struct (Rollout * Rng) =
    let n, size, choices = environment.Count, environment.ObservationSize, environment.ActionSpace.Choices
    let samples = o.RolloutSteps * n
    let numbers () = Array.zeroCreate<float32> samples

    let actions, logProbabilities, values, rewards, finalValues =
        numbers (), numbers (), numbers (), numbers (), numbers ()

    let terminated, truncated = Array.zeroCreate<bool> samples, Array.zeroCreate<bool> samples
    let observations = Array.zeroCreate<float32>(samples * size)
    let step = environment.AllocateBuffers()
    let seen = Array.zeroCreate<float32>(n * size)
    let mutable key = key
    let mutable episodes = []
    environment.Observe(Span seen)

    let valuesOf (rows: float32[]) =
        forward.Set("observations", ReadOnlySpan rows)
        forward.Run()
        forward.Output("values").ToArray()

    for t in 0 .. o.RolloutSteps - 1 do
        let first = t * n
        seen.CopyTo(observations, first * size)
        (valuesOf seen).CopyTo(values, first)

        for copy in 0 .. n - 1 do
            let policy = forward.Output("policy").Slice(copy * choices, choices)
            let struct (action, logProbability, next) = Categorical.sample policy key
            key <- next
            actions[first + copy] <- float32 action
            logProbabilities[first + copy] <- logProbability

        environment.StepAll(ReadOnlySpan(actions, first, n), step)
        step.Observations.CopyTo(Memory seen)
        step.Rewards.CopyTo(Memory(rewards, first, n))
        step.Terminated.CopyTo(Memory(terminated, first, n))
        step.Truncated.CopyTo(Memory(truncated, first, n))
        // A cut episode would have gone on: its value is that of where it stood, not of the next episode's start.
        let final = valuesOf (step.FinalObservations.ToArray())

        for copy in 0 .. n - 1 do
            if step.Truncated.Span[copy] then finalValues[first + copy] <- final[copy]

            if step.EpisodeLengths.Span[copy] > 0 then
                episodes <- step.EpisodeReturns.Span[copy] :: episodes

    struct ({
                Observations = observations
                Actions = actions
                LogProbabilities = logProbabilities
                Values = values
                Rewards = rewards
                Terminated = terminated
                Truncated = truncated
                FinalValues = finalValues
                LastValues = valuesOf seen
                EpisodeReturns = episodes
            },
            key)

/// Generalised advantage estimates Aₜ = δₜ + γλ Aₜ₊₁ with δₜ = rₜ + γ V(sₜ₊₁) − V(sₜ): no bootstrap where an episode
/// terminated.
let advantages (o: Options) (r: Rollout) : float32[] =
    let result = Array.zeroCreate<float32> r.Values.Length

    let steps =
        RolloutSteps(
            r.LastValues.Length,
            float32 o.Discount,
            float32 o.GaeLambda,
            ReadOnlySpan r.Rewards,
            ReadOnlySpan r.Values,
            ReadOnlySpan r.LastValues,
            ReadOnlySpan r.Terminated,
            ReadOnlySpan r.Truncated,
            ReadOnlySpan r.FinalValues
        )

    Returns.RolloutAdvantages(steps, Span result)
    result

// --- The algorithm
// ----------------------------------------------------------------------------------------------------

/// Trains for some environment steps, telling after each update: steps and the returns of the episodes that ended.
/// Gives θ.
let train
    (o: Options)
    (environment: BatchEnvironment)
    (totalSteps: int)
    (seed: uint64)
    (report: int -> float list -> unit)
    =
    let networks = networks environment
    let forward, step = forward networks environment.Count, trainStep o networks
    let samples, width = o.RolloutSteps * environment.Count, environment.ObservationSize
    let struct (start, key) = Layout.initialise (Rng.create seed) networks.Layout
    let struct (environmentKey, key) = Rng.split key
    let mutable key = key
    step.Set("theta", ReadOnlySpan(Array.map float32 start))
    environment.Reset environmentKey

    for update in 1 .. (totalSteps + samples - 1) / samples do
        // 1. Collect with π(θ_old).
        (step.Input "theta").CopyTo(forward.Input "theta")
        let struct (rollout, next) = collect o environment forward key
        key <- next

        // 2. Estimate advantages and returns.
        let advantages = advantages o rollout
        let returns = Array.map2 (+) advantages rollout.Values

        // 3. K epochs of minibatches in random order.
        let order = Array.init samples id

        for _ in 1 .. o.Epochs do
            key <- Rng.shuffle (Span order) key

            for minibatch in Array.chunkBySize o.MinibatchSize order do
                let set (name: string) (column: float32[]) =
                    step.Set(name, ReadOnlySpan(minibatch |> Array.map (fun row -> column[row])))

                let rows =
                    minibatch |> Array.collect (fun row -> rollout.Observations[row * width .. (row + 1) * width - 1])

                step.Set("observations", ReadOnlySpan rows)
                set "actions" rollout.Actions
                set "logProbabilities" rollout.LogProbabilities
                set "advantages" advantages
                set "returns" returns
                step.Run()

        report (update * samples) rollout.EpisodeReturns

    (step.Input "theta").ToArray()
