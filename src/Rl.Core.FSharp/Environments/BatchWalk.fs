/// Walks of random actions through a batch of environments, with the checks of single values.
namespace Rl.Core.Environments

open System
open Rl.Core.Foundations

/// What one step of a batch wrote, to be compared.
type internal BatchTrace =
    { Observations: int[]; Rewards: int[]; Terminated: bool[]; Truncated: bool[]; Lengths: int[] }

/// Walks, always with the same actions, whose findings are told.
[<Sealed>]
type internal BatchWalk(findings: Findings, options: ContractOptions) =
    let key = Rng.create options.Seed

    let bits (values: Memory<float32>) = values.ToArray() |> Array.map BitConverter.SingleToInt32Bits

    let traceOf (buffers: StepBuffers) =
        {
            Observations = bits buffers.Observations
            Rewards = bits buffers.Rewards
            Terminated = buffers.Terminated.ToArray()
            Truncated = buffers.Truncated.ToArray()
            Lengths = buffers.EpisodeLengths.ToArray()
        }

    /// A mask of every copy, and a complaint where it allows nothing; empty without masks.
    let masksOf (batch: BatchEnvironment) place =
        let choices = Array.sum (ContractValues.choices batch.ActionSpace)

        if not batch.HasActionMasks || choices = 0 then
            Array.create batch.Count [||]
        else
            let all = Array.zeroCreate<bool>(choices * batch.Count)
            batch.ActionMasks(0, batch.Count, Span all)
            let masks = Array.chunkBySize choices all

            masks
            |> Array.iteri (fun copy mask ->
                ContractValues.mask findings batch.ActionSpace $"{place}, copy {copy}" (ReadOnlySpan mask))

            masks

    let drawActions (batch: BatchEnvironment) (masks: bool[][]) (rng: Rng) : struct (float32[] * Rng) =
        let actions = Array.zeroCreate<float32>(batch.Count * batch.ActionSize)
        let mutable rng = rng

        for copy in 0 .. batch.Count - 1 do
            let row = Span(actions, copy * batch.ActionSize, batch.ActionSize)
            rng <- ContractValues.action batch.ActionSpace masks[copy] rng row

        struct (actions, rng)

    let draw (batch: BatchEnvironment) place rng = drawActions batch (masksOf batch place) rng

    let checkRows (batch: BatchEnvironment) place (values: Memory<float32>) (isWanted: int -> bool) =
        for copy in 0 .. batch.Count - 1 do
            if isWanted copy then
                let row = values.Span.Slice(copy * batch.ObservationSize, batch.ObservationSize)

                ContractValues.observation
                    findings
                    batch.ObservationSpace
                    $"{place}, copy {copy}"
                    (Span.op_Implicit row)

    /// Advice on numbers that networks hardly learn from as they are.
    let adviseOnScales (batch: BatchEnvironment) (gauge: ScaleGauge) =
        let advise rule problem remedy = findings.Advice(rule, "scale", "walk", problem, remedy)

        match gauge.LargeObservation with
        | ValueSome(struct (index, size)) ->
            advise
                ContractRule.Observations
                $"component {index} of the observations is of order {Scales.order size}."
                "Observe in units in which numbers are of order 1, or train with NormaliseObservations."
        | ValueNone -> ()

        match gauge.LargeReward with
        | ValueSome size ->
            advise
                ContractRule.Rewards
                $"the rewards are of order {Scales.order size} a step."
                "Pay in units in which rewards are of order 1, or train with NormaliseRewards."
        | ValueNone -> ()

        let isOneSided (bound: struct (float * float) voption) =
            match bound with
            | ValueSome(struct (low, high)) -> Double.IsFinite low <> Double.IsFinite high
            | ValueNone -> false

        match Scales.bounds batch.ActionSpace |> Array.tryFindIndex isOneSided with
        | Some index ->
            advise
                ContractRule.Actions
                ($"component {index} of the actions has one bound only, so that policies act in its own units, "
                 + "around 0 ± 1.")
                "Give it both bounds: policies then act in units of their distance."
        | None -> ()

    /// Looks at what a step wrote.
    let checkStep (batch: BatchEnvironment) place (elapsed: int[]) (returns: float[]) (buffers: StepBuffers) =
        let terminated, truncated = buffers.Terminated.ToArray(), buffers.Truncated.ToArray()
        let lengths, totals = buffers.EpisodeLengths.ToArray(), buffers.EpisodeReturns.ToArray()
        let rewards = buffers.Rewards.ToArray()
        let ended copy = terminated[copy] || truncated[copy]
        checkRows batch place buffers.Observations (fun _ -> true)
        checkRows batch place buffers.FinalObservations ended

        for copy in 0 .. batch.Count - 1 do
            let place = $"{place}, copy {copy}"
            elapsed[copy] <- elapsed[copy] + 1
            returns[copy] <- returns[copy] + float rewards[copy]
            let step = elapsed[copy]

            ContractValues.outcome
                findings
                batch.MaxEpisodeSteps
                place
                step
                { Reward = float rewards[copy]; Terminated = terminated[copy]; Truncated = truncated[copy] }

            if batch.MaxEpisodeSteps > 0 && step >= batch.MaxEpisodeSteps && not (ended copy) then
                findings.Violation(
                    ContractRule.Truncation,
                    "late",
                    place,
                    $"the episode goes on after its limit of {batch.MaxEpisodeSteps} steps.",
                    "Truncate an episode in the step that reaches MaxEpisodeSteps."
                )

            let reported = if lengths[copy] = 0 then nan else totals[copy]
            let expected = if ended copy then returns[copy] else nan
            let tolerance = 1e-4 * (1.0 + abs returns[copy])

            let agrees = Double.IsNaN reported && Double.IsNaN expected || abs (reported - expected) <= tolerance
            // Within wrappers, which may change rewards and steps, they are the environment's own.
            let isWrapped = not batch.Wrappers.IsEmpty
            let isReported = lengths[copy] > 0 && not (Double.IsNaN totals[copy])

            if
                if isWrapped then
                    isReported <> ended copy
                else
                    not agrees || lengths[copy] <> (if ended copy then step else 0)
            then
                findings.Violation(
                    ContractRule.Batches,
                    "episodes",
                    place,
                    ($"the batch reports an episode of {lengths[copy]} steps with the return {totals[copy]}; its steps "
                     + $"say {step} and {returns[copy]}."),
                    "Report length and return in the step that ends an episode, and 0 and NaN in others."
                )

            if ended copy then
                elapsed[copy] <- 0
                returns[copy] <- 0.0

    /// Resets a batch and walks; `look` adds the checks of single values, `rendered` looks at a copy in every step.
    let walk (rendered: bool) (batch: BatchEnvironment) (name: string) (look: bool) (steps: int) : BatchTrace list =
        let buffers = batch.AllocateBuffers()
        batch.Reset key

        if look then
            batch.Observe buffers.Observations.Span
            checkRows batch $"{name}, reset" buffers.Observations (fun _ -> true)

        let elapsed, returns = Array.zeroCreate<int> batch.Count, Array.zeroCreate<float> batch.Count
        let gauge = ScaleGauge batch.ObservationSpace
        let mutable rng = Rng.create (options.Seed + 1UL)

        let trace =
            [
                for step in 1..steps do
                    let place = $"{name}, step {step}"
                    let struct (actions, next) = draw batch place rng
                    rng <- next
                    if rendered then batch.Render 0 |> ignore
                    batch.StepAll(ReadOnlySpan actions, buffers)

                    if look then
                        checkStep batch place elapsed returns buffers
                        GoalContract.checkStep findings batch place buffers

                        gauge.Observe(Span.op_Implicit buffers.Observations.Span)
                        gauge.Reward(Span.op_Implicit buffers.Rewards.Span)

                    traceOf buffers
            ]

        if look then adviseOnScales batch gauge
        trace

    /// What a step wrote.
    member _.TraceOf(buffers: StepBuffers) : BatchTrace = traceOf buffers

    /// Possible actions of all copies, and the generator that follows.
    member _.Actions(batch: BatchEnvironment, place: string, rng: Rng) : struct (float32[] * Rng) = draw batch place rng

    /// Resets a batch and walks, with the checks of single values.
    member _.Checked(batch: BatchEnvironment, name: string, steps: int) : BatchTrace list =
        walk false batch name true steps

    /// Resets a batch and walks.
    member _.Plain(batch: BatchEnvironment, name: string, steps: int) : BatchTrace list =
        walk false batch name false steps

    /// Resets a batch and walks, and looks at a copy in every step.
    member _.Rendered(batch: BatchEnvironment, name: string, steps: int) : BatchTrace list =
        walk true batch name false steps

    /// Steps from the present state on, with the same actions at every call.
    member _.GoOn(batch: BatchEnvironment) : BatchTrace list =
        let buffers = batch.AllocateBuffers()
        let mutable rng = Rng.create (options.Seed + 2UL)

        [
            for step in 1 .. min 20 options.Steps do
                let struct (actions, next) = draw batch $"continuation, step {step}" rng
                rng <- next
                batch.StepAll(ReadOnlySpan actions, buffers)
                traceOf buffers
        ]
