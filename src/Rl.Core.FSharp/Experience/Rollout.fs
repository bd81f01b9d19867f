/// Fixed-length rollouts of a stochastic policy in a batch of environments, collected by all threads without waiting
/// for each other.
namespace Rl.Core.Experience

open System
open System.Collections.Generic
open Rl.Core.Acting
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// What a rollout of T steps in N copies leaves: time-major arrays, row t·N + n for step t of copy n.
type Rollout =
    {
        Steps: int
        Copies: int
        /// [T, N, inputs], as the network saw them: encoded and normalised.
        Observations: float32[]
        /// [T, N, inputs], before normalisation; empty where nothing is normalised.
        RawObservations: float32[]
        /// [T, N, actionSize], the policy's.
        Actions: float32[]
        /// [T, N]: log π(a|s).
        LogProbabilities: float32[]
        /// [T, N]: V(s).
        Values: float32[]
        /// [T, N]: the value of the state that the step led to: V(s′), also across a time limit, by the true last
        /// observation; what it is at a terminal state does not matter.
        NextValues: float32[]
        /// [T, N]
        Rewards: float32[]
        Terminated: bool[]
        Truncated: bool[]
        /// [T, N]: of episodes that ended in the step; NaN and 0 elsewhere.
        EpisodeReturns: float[]
        EpisodeLengths: int[]
        /// [T, N, choices]: the choices that were possible; empty if all always are.
        Masks: bool[]
        /// [T / L, N, stateSize]: the recurrent states before every L-th step; empty without a recurrent layer.
        States: float32[]
    }

    /// The episodes that ended, by step, then by copy.
    member this.Episodes =
        let episodes = List<EpisodeResult>()

        for index in 0 .. this.EpisodeLengths.Length - 1 do
            if this.EpisodeLengths[index] > 0 then
                episodes.Add { Return = this.EpisodeReturns[index]; Length = this.EpisodeLengths[index] }

        episodes.ToArray()

    /// Generalised advantage estimates [T, N] of `rewards` [T, N], which may be the rollout's own, normalised:
    /// `Returns.RolloutAdvantages`, which bootstraps from `NextValues` across time limits and after the last step.
    /// `result` must not overlap `rewards`.
    member internal this.Advantages(discount: float32, trace: float32, rewards: float32[], result: float32[]) : unit =
        let steps =
            RolloutSteps(
                this.Copies,
                discount,
                trace,
                ReadOnlySpan rewards,
                ReadOnlySpan this.Values,
                ReadOnlySpan(this.NextValues, (this.Steps - 1) * this.Copies, this.Copies),
                ReadOnlySpan this.Terminated,
                ReadOnlySpan this.Truncated,
                ReadOnlySpan this.NextValues
            )

        Returns.RolloutAdvantages(steps, Span result)

/// What collecting needs to know besides the network and the environments.
type internal CollectorOptions =
    {
        /// T.
        Steps: int
        /// Give the network normalised observations.
        Normalise: bool
        /// L: recurrent states are kept before every L-th step. A divisor of T.
        SequenceLength: int
        /// State-dependent exploration draws new noise after this many steps; 0: at the start of each rollout only.
        ExplorationSteps: int
    }

/// How much older the policies were that a rollout is of than the one that it was collected for, in updates.
[<Struct>]
type internal RolloutLag =
    {
        /// The mean over the steps.
        Mean: float
        Largest: int
        /// Steps that were thrown away since the rollout before because they were too old.
        DroppedSteps: int64
    }

    /// Of a rollout all of whose steps lag by the same.
    static member internal Of(updates: int) = { Mean = float updates; Largest = updates; DroppedSteps = 0L }

/// Copies of an environment that act elsewhere, in other processes, and give whole rollouts.
type internal IRolloutsElsewhere =
    /// Is told that a learner will collect by it.
    abstract Bound: unit -> unit

    /// Is told that the learner corrects for the age of policies: from now on copies need not wait for each other, and
    /// a column of a rollout may be of any copy and of an older policy.
    abstract MayLag: unit -> unit
    /// How old the last rollout was.
    abstract Lag: RolloutLag

    /// Lets all copies act by a state's policy and fills `into`: the state after acting.
    abstract Collect:
        network: ActorCritic * options: CollectorOptions * state: TrainingState * into: Rollout -> TrainingState

/// The steps of a share as a part of a rollout.
[<Sealed>]
type internal RolloutSink(share: ActorShare, copies: int, stateSize: int, options: CollectorOptions, rollout: Rollout) =
    let steps, first, number, choices = options.Steps, share.First, share.Number, share.Choices
    let observationSize, actionSize = share.ObservationSize, share.ActionSize
    let count = steps * number
    let raw = Array.zeroCreate<float32>(if options.Normalise then count * observationSize else 0)
    let seen = Array.zeroCreate<float32>(count * observationSize)
    let actions = Array.zeroCreate<float32>(count * actionSize)
    let logProbabilities = Array.zeroCreate<float32> count
    let values = Array.zeroCreate<float32> count
    let nextValues = Array.zeroCreate<float32> count
    let rewards = Array.zeroCreate<float32> count
    let terminated = Array.zeroCreate<bool> count
    let truncated = Array.zeroCreate<bool> count
    let episodeReturns = Array.zeroCreate<float> count
    let episodeLengths = Array.zeroCreate<int> count
    let masks = Array.zeroCreate<bool>(count * choices)
    let states = Array.zeroCreate<float32>(steps / options.SequenceLength * number * stateSize)

    /// The share's rows of step t.
    let put (source: ReadOnlySpan<'T>) (target: 'T[]) t size =
        source.CopyTo(Span<'T>(target, t * number * size, number * size))

    /// The share's values become those of the states that step t led to: of all rows that were cut there, or of all
    /// others.
    let bootstrap (values: ReadOnlySpan<float32>) t (ofCut: bool) =
        for row in 0 .. number - 1 do
            let index = t * number + row
            if truncated[index] = ofCut then nextValues[index] <- values[row]

    /// Copies the share's rows of [T, number, size] into those of [T, N, size].
    let publish (source: 'T[]) (target: 'T[]) size =
        let run = number * size

        if number = copies then
            Array.Copy(source, target, source.Length |> min target.Length)
        elif run < 16 then
            // A few elements a row: a loop is quicker than a call.
            for t in 0 .. target.Length / max 1 (copies * size) - 1 do
                for i in 0 .. run - 1 do
                    target[(t * copies + first) * size + i] <- source[t * run + i]
        else
            for t in 0 .. target.Length / (copies * size) - 1 do
                Array.Copy(source, t * run, target, (t * copies + first) * size, run)

    let publishAll () =
        publish seen rollout.Observations observationSize
        if options.Normalise then publish raw rollout.RawObservations observationSize
        publish actions rollout.Actions actionSize
        publish logProbabilities rollout.LogProbabilities 1
        publish values rollout.Values 1
        publish nextValues rollout.NextValues 1
        publish rewards rollout.Rewards 1
        publish terminated rollout.Terminated 1
        publish truncated rollout.Truncated 1
        publish episodeReturns rollout.EpisodeReturns 1
        publish episodeLengths rollout.EpisodeLengths 1
        if choices > 0 then publish masks rollout.Masks choices
        if stateSize > 0 then publish states rollout.States stateSize

    interface ISink with
        member _.NeedsFinals = true
        member _.Asks(_, _) = true
        member _.Acts _ = true

        member _.Before(share, t) =
            if t > 0 then bootstrap share.Values (t - 1) false

            if t = steps then
                publishAll ()
                false
            else
                put share.Seen seen t observationSize
                if options.Normalise then put share.Shown raw t observationSize
                put share.Values values t 1

                if stateSize > 0 && t % options.SequenceLength = 0 then
                    put share.Memory states (t / options.SequenceLength) stateSize

                true

        member _.After(share, t) =
            put share.Actions actions t actionSize
            put share.LogProbabilities logProbabilities t 1
            put share.Rewards rewards t 1
            put share.Terminated terminated t 1
            put share.Truncated truncated t 1
            put share.EpisodeReturns episodeReturns t 1
            put share.EpisodeLengths episodeLengths t 1
            if choices > 0 then put share.Masks masks t choices

        // A time limit cuts the episode but not the value: V of the true last observation.
        member _.Cut(share, t) = bootstrap share.Values t true

/// How large a rollout is.
[<RequireQualifiedAccess>]
module internal RolloutSize =

    /// T · N: at least two samples, whose numbers an array can hold.
    let samples (steps: int) (environment: BatchEnvironment) : int =
        let samples = int64 steps * int64 environment.Count

        if samples < 2L then
            Guard.fail (nameof environment) "A rollout has a single sample; use more copies or a larger RolloutSteps."

        let space = environment.ObservationSpace
        let width = [ environment.ObservationSize; Encoding.size space; environment.ActionSize; 1 ] |> List.max

        if samples * int64 width > int64 Array.MaxLength then
            Guard.fail
                "RolloutSteps"
                ($"RolloutSteps is {steps}; with {environment.Count} copies and "
                 + $"{width} numbers a step no array holds a rollout: use fewer.")

        int samples

/// Collects rollouts; its memory is used again by each, so a rollout is valid until the next. `around` puts a sink
/// round that of each share, for what is to be known beside a rollout. Copies that act elsewhere do so by policies with
/// a critic whose actions are drawn, without sinks of others.
[<Sealed>]
type internal Collector
    (
        actor: Actor,
        values: StateValues,
        layout: Layout,
        explorer: Explorer,
        environment: BatchEnvironment,
        options: CollectorOptions,
        around: (ActorShare -> ISink -> ISink) option,
        workers: Workers
    ) =
    let copies = environment.Count
    let count = options.Steps * copies
    let observationSize = Encoding.size environment.ObservationSpace
    let choices = if environment.HasActionMasks then actor.Distribution.Choices else 0

    let rollout =
        {
            Steps = options.Steps
            Copies = copies
            Observations = Array.zeroCreate (count * observationSize)
            RawObservations = Array.zeroCreate (if options.Normalise then count * observationSize else 0)
            Actions = Array.zeroCreate (count * environment.ActionSize)
            LogProbabilities = Array.zeroCreate count
            Values = Array.zeroCreate count
            NextValues = Array.zeroCreate count
            Rewards = Array.zeroCreate count
            Terminated = Array.zeroCreate count
            Truncated = Array.zeroCreate count
            EpisodeReturns = Array.zeroCreate count
            EpisodeLengths = Array.zeroCreate count
            Masks = Array.zeroCreate (count * choices)
            States = Array.zeroCreate (options.Steps / options.SequenceLength * copies * actor.StateSize)
        }

    let collectHere () =
        let actors = Actors(actor, values, layout, environment, explorer, options.Normalise, workers.Count, workers)
        let around = defaultArg around (fun _ sink -> sink)

        let sinks: ISink[] =
            actors.Shares
            |> Array.map (fun share -> around share (RolloutSink(share, copies, actor.StateSize, options, rollout)))

        fun state -> actors.Collect(state, sinks)

    let collect =
        match box environment, values, explorer, around with
        | (:? IRolloutsElsewhere as copies), StateValues.Critic critic, Explorer.Sample _, None ->
            copies.Bound()
            let network = { Actor = actor; Critic = critic }
            fun state -> copies.Collect(network, options, state, rollout)
        | :? IRolloutsElsewhere, _, _, _ ->
            Guard.fail
                (nameof environment)
                ("Copies in other processes act by a policy with a critic alone; this algorithm chooses its actions or "
                 + "pays for them otherwise: train it in one process.")
        | _ -> collectHere ()

    /// Without sinks round those of the shares.
    new
        (
            actor: Actor,
            values: StateValues,
            layout: Layout,
            explorer: Explorer,
            environment: BatchEnvironment,
            options: CollectorOptions,
            workers: Workers
        ) =
        Collector(actor, values, layout, explorer, environment, options, None, workers)

    /// Of the policy of an actor with a critic, whose actions are drawn from it.
    new
        (
            network: ActorCritic,
            environment: BatchEnvironment,
            options: CollectorOptions,
            around: (ActorShare -> ISink -> ISink) option,
            workers: Workers
        ) =
        let explorer = Explorer.Sample options.ExplorationSteps
        let values = StateValues.Critic network.Critic
        let layout = ActorCritic.layout network
        Collector(network.Actor, values, layout, explorer, environment, options, around, workers)

    /// The same without sinks round those of the shares.
    new(network: ActorCritic, environment: BatchEnvironment, options: CollectorOptions, workers: Workers) =
        Collector(network, environment, options, None, workers)

    /// Runs the state's policy for T steps: struct (rollout, the state after acting).
    member _.Collect(state: TrainingState) : struct (Rollout * TrainingState) =
        let acted = collect state
        struct (rollout, acted)
