/// Fixed-length rollouts of a stochastic policy in a batch of environments, collected by all threads without waiting for each other.
namespace Rl.Core.Algorithms

open System
open System.Collections.Generic
open Rl.Core.Acting
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Experience
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
        /// [T, N]: the value of the state that the step led to: V(s′), also across a time limit, by the true last observation; what
        /// it is at a terminal state does not matter.
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

    /// Generalised advantage estimates [T, N] of `rewards` [T, N], which may be the rollout's own, normalised: `Returns.RolloutAdvantages`, which
    /// bootstraps from `NextValues` across time limits and after the last step. `result` must not overlap `rewards`.
    member internal this.Advantages(discount: float32, trace: float32, rewards: float32[], result: float32[]) : unit =
        Returns.RolloutAdvantages(
            this.Copies,
            discount,
            trace,
            ReadOnlySpan rewards,
            ReadOnlySpan this.Values,
            ReadOnlySpan(this.NextValues, (this.Steps - 1) * this.Copies, this.Copies),
            ReadOnlySpan this.Terminated,
            ReadOnlySpan this.Truncated,
            ReadOnlySpan this.NextValues,
            Span result
        )

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

/// What a rollout starts from.
type internal CollectorStart =
    {
        Theta: float32[]
        /// [N, inputs], encoded.
        Observations: float32[]
        Statistics: RunningStatistics
    }

/// A share of the copies with all the memory that collecting writes, so that threads do not write to each other's cache lines.
[<Sealed>]
type internal RolloutShare
    (
        network: ActorCritic,
        layout: Layout,
        environment: BatchEnvironment,
        options: CollectorOptions,
        first: int,
        number: int
    ) =
    let steps = options.Steps
    let copies = environment.Count
    let space = environment.ObservationSpace
    let isIdentity = Encoding.isIdentity space
    let rawSize = environment.ObservationSize
    let observationSize = Encoding.size space
    let actionSize = environment.ActionSize
    let head = network.Head
    let stateSize = network.StateSize
    let choices = if environment.HasActionMasks then head.Choices else 0
    let program = ActingProgram(network, layout, number, observationSize)
    let width = number * observationSize
    let buffers = environment.AllocateBuffers()
    let environmentActions = Array.zeroCreate<float32>(copies * actionSize)
    let allMasks = Array.zeroCreate<bool>(copies * choices)
    let raw = Array.zeroCreate<float32>((steps + 1) * width)
    let seen = Array.zeroCreate<float32>(steps * width)
    let finals = Array.zeroCreate<float32> width
    let actions = Array.zeroCreate<float32>(steps * number * actionSize)
    let logProbabilities = Array.zeroCreate<float32>(steps * number)
    let values = Array.zeroCreate<float32>(steps * number)
    let nextValues = Array.zeroCreate<float32>(steps * number)
    let rewards = Array.zeroCreate<float32>(steps * number)
    let terminated = Array.zeroCreate<bool>(steps * number)
    let truncated = Array.zeroCreate<bool>(steps * number)
    let episodeReturns = Array.zeroCreate<float>(steps * number)
    let episodeLengths = Array.zeroCreate<int>(steps * number)
    let masks = Array.zeroCreate<bool>(steps * number * choices)
    let states = Array.zeroCreate<float32>(steps / options.SequenceLength * number * stateSize)
    let memory = Array.zeroCreate<float32>(number * stateSize)
    let keys = Array.zeroCreate<Rng> number

    let exploration =
        match head.Noise with
        | Some create -> ValueSome(create layout number)
        | None -> ValueNone

    let mutable statistics = RunningStatistics.create 0

    let prepare (source: ReadOnlySpan<float32>) (destination: Span<float32>) =
        Encoding.normalise statistics Encoding.Limit source destination

    /// The rows of this share in memory of the whole batch.
    let own (memory: Memory<'T>) size : Span<'T> = memory.Span.Slice(first * size, number * size)

    let maskOf index = ReadOnlySpan<bool>(masks, index * choices, choices)

    /// Draws the actions of a step from the program's outputs.
    let act t =
        if choices > 0 then
            environment.ActionMasks(first, number, Span allMasks)

            ReadOnlySpan<bool>(allMasks, first * choices, number * choices)
                .CopyTo(Span<bool>(masks, t * number * choices, number * choices))

        for row in 0 .. number - 1 do
            let index = t * number + row
            let action = Span<float32>(actions, index * actionSize, actionSize)
            let outputs = program.PolicyOf(row, maskOf index)
            let deviation = program.DeviationOf row

            let struct (logProbability, key) =
                match exploration with
                | ValueSome noise -> struct (noise.Act(row, outputs, program.Features, deviation, action), keys[row])
                | ValueNone -> Policy.sample head outputs deviation action keys[row]

            keys[row] <- key
            logProbabilities[index] <- logProbability
            let target = Span<float32>(environmentActions, (first + row) * actionSize, actionSize)
            Policy.toEnvironment network.Actor.Actions environment.ActionSpace (Span.op_Implicit action) target

    /// Steps the copies and keeps what they report.
    let step t =
        environment.Step(first, number, ReadOnlySpan environmentActions, buffers)
        let following = Span<float32>(raw, (t + 1) * width, width)
        Encoding.encode space isIdentity (Span.op_Implicit (own buffers.Observations rawSize)) following
        (own buffers.Rewards 1).CopyTo(Span<float32>(rewards, t * number, number))
        (own buffers.Terminated 1).CopyTo(Span<bool>(terminated, t * number, number))
        (own buffers.Truncated 1).CopyTo(Span<bool>(truncated, t * number, number))
        (own buffers.EpisodeReturns 1).CopyTo(Span<float>(episodeReturns, t * number, number))
        (own buffers.EpisodeLengths 1).CopyTo(Span<int>(episodeLengths, t * number, number))

    /// The program's values become those of the states that step t led to: of all rows that were cut there, or of all others.
    let bootstrap t (ofCut: bool) =
        for row in 0 .. number - 1 do
            let index = t * number + row
            if truncated[index] = ofCut then nextValues[index] <- program.Value[row]

    /// A time limit cuts the episode but not the value: V of the true last observation.
    let bootstrapCut t =
        if Array.IndexOf(truncated, true, t * number, number) >= 0 then
            let last = own buffers.FinalObservations rawSize

            // The rows of copies that go on hold what was there before: they may not even be observations.
            for row in 0 .. number - 1 do
                if truncated[t * number + row] then
                    let from = Span.op_Implicit (last.Slice(row * rawSize, rawSize))

                    Encoding.encode
                        space
                        isIdentity
                        from
                        (Span<float32>(finals, row * observationSize, observationSize))

            prepare (ReadOnlySpan finals) program.Observations
            if stateSize > 0 then ReadOnlySpan(memory).CopyTo program.State
            program.Run(t + 1, first)
            bootstrap t true

    /// The recurrent state after step t: forgotten where an episode ended.
    let remember t =
        if stateSize > 0 then
            for row in 0 .. number - 1 do
                if episodeLengths[t * number + row] > 0 then
                    Array.Clear(memory, row * stateSize, stateSize)

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

    /// Runs the policy for T steps; `actionKeys` [N] and `recurrentStates` [N, stateSize] move on.
    member _.Collect(start: CollectorStart, actionKeys: Rng[], recurrentStates: float32[], rollout: Rollout) : unit =
        // The thread that acts fetches θ itself: it would otherwise travel between caches twice.
        start.Theta.CopyTo program.Theta
        statistics <- start.Statistics
        Array.Copy(start.Observations, first * observationSize, raw, 0, width)
        Array.Copy(actionKeys, first, keys, 0, number)
        Array.Copy(recurrentStates, first * stateSize, memory, 0, memory.Length)

        for t in 0 .. steps - 1 do
            let row = Span<float32>(seen, t * width, width)
            prepare (ReadOnlySpan<float32>(raw, t * width, width)) row
            row.CopyTo program.Observations

            if stateSize > 0 then
                ReadOnlySpan(memory).CopyTo program.State

                if t % options.SequenceLength = 0 then
                    Array.Copy(memory, 0, states, t / options.SequenceLength * memory.Length, memory.Length)

            match exploration with
            | ValueSome noise when t = 0 || (options.ExplorationSteps > 0 && t % options.ExplorationSteps = 0) ->
                noise.Draw(start.Theta, Span keys)
            | _ -> ()

            program.Run(t, first)
            program.Value.CopyTo(Span<float32>(values, t * number, number))
            if t > 0 then bootstrap (t - 1) false
            act t
            step t
            if stateSize > 0 then program.NextState.CopyTo(Span memory)
            bootstrapCut t
            remember t

        prepare (ReadOnlySpan<float32>(raw, steps * width, width)) program.Observations
        if stateSize > 0 then ReadOnlySpan(memory).CopyTo program.State
        program.Run(steps, first)
        bootstrap (steps - 1) false
        Array.Copy(keys, 0, actionKeys, first, number)
        Array.Copy(memory, 0, recurrentStates, first * stateSize, memory.Length)
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
                $"RolloutSteps is {steps}; with {environment.Count} copies and {width} numbers a step no array holds a rollout: use fewer."

        int samples

/// Collects rollouts; its memory is used again by each, so a rollout is valid until the next. The result does not depend on the
/// number of threads: each copy has its own streams, and each row of a network's output is computed in the same way.
[<Sealed>]
type internal Collector
    (network: ActorCritic, layout: Layout, environment: BatchEnvironment, options: CollectorOptions, workers: Workers) =
    let copies = environment.Count
    let space = environment.ObservationSpace
    let isIdentity = Encoding.isIdentity space
    let observationSize = Encoding.size space
    let steps = options.Steps
    let count = steps * copies
    let raw = Array.zeroCreate<float32>(copies * environment.ObservationSize)
    let encoded = Array.zeroCreate<float32>(copies * observationSize)
    let choices = if environment.HasActionMasks then network.Head.Choices else 0

    let rollout =
        {
            Steps = steps
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
            States = Array.zeroCreate (steps / options.SequenceLength * copies * network.StateSize)
        }

    let shares =
        environment.RequireSameStep()
        // Copies that depend on each other are stepped together.
        let number = if environment.IsCoupled then 1 else min workers.Count copies

        Array.init number (fun share ->
            let first = share * copies / number
            let last = (share + 1) * copies / number
            RolloutShare(network, layout, environment, options, first, last - first))

    let mutable start = { Theta = [||]; Observations = encoded; Statistics = RunningStatistics.create 0 }
    let mutable keys: Rng[] = [||]
    let mutable recurrent: float32[] = [||]
    let failures = Array.create<NonFiniteActing voption> shares.Length ValueNone

    let collectShare =
        Action<int>(fun share ->
            try
                shares[share].Collect(start, keys, recurrent, rollout)
            with :? NonFiniteActing as failure ->
                failures[share] <- ValueSome failure)

    /// Raises the earliest failure of the shares, whatever their number.
    let raiseFailure () =
        let mutable first = ValueNone

        for share in 0 .. shares.Length - 1 do
            match failures[share], first with
            | ValueSome failure, ValueSome(known: NonFiniteActing) when failure.Step < known.Step ->
                first <- ValueSome failure
            | ValueSome failure, ValueNone -> first <- ValueSome failure
            | _ -> ()

            failures[share] <- ValueNone

        match first with
        | ValueSome failure -> raise failure
        | ValueNone -> ()

    let mutable present: BatchSnapshot option = None
    let mutable users = 0L

    /// Runs the policy θ for T steps from the environments' state: struct (rollout, action streams, recurrent states [N, stateSize],
    /// environments afterwards).
    member _.Collect
        (
            parameters: float32[],
            statistics: RunningStatistics,
            actionKeys: Rng[],
            recurrentStates: float32[],
            environments: BatchSnapshot
        ) : struct (Rollout * Rng[] * float32[] * BatchSnapshot) =
        // The environments are usually still where the last rollout left them.
        match present with
        | Some snapshot when obj.ReferenceEquals(snapshot, environments) && environment.Users = users -> ()
        | _ -> environment.Restore environments

        present <- None
        keys <- Array.copy actionKeys
        recurrent <- Array.copy recurrentStates
        environment.Observe(Span raw)
        Encoding.encode space isIdentity (ReadOnlySpan raw) (Span encoded)
        let statistics = if options.Normalise then statistics else RunningStatistics.create 0
        start <- { start with Theta = parameters; Statistics = statistics }
        workers.Run(shares.Length, collectShare)
        raiseFailure ()
        let snapshot = environment.Capture()
        present <- Some snapshot
        environment.Users <- environment.Users + 1L
        users <- environment.Users
        struct (rollout, keys, recurrent, snapshot)
