/// The contract of a batch of environments, whatever it is made of.
namespace Rl.Core.Environments

open System
open System.Collections.Generic
open Rl.Core.Foundations

/// What one step of a batch wrote, to be compared.
type internal BatchTrace =
    { Observations: int[]; Rewards: int[]; Terminated: bool[]; Truncated: bool[]; Lengths: int[] }

/// Checks on batches that a function makes anew; it is called with the number of copies. They are released at the end.
[<Sealed>]
type internal BatchContract(findings: Findings, options: ContractOptions, make: int -> BatchEnvironment) =
    let key = Rng.create options.Seed
    let made = List<BatchEnvironment>()

    let create count =
        let batch = make count
        made.Add batch
        batch

    /// A batch like the one of the first walk before it.
    let fresh () =
        let batch = create options.Copies
        batch.Reset key
        batch

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
                $"component {index} of the actions has one bound only, so that policies act in its own units, around 0 ± 1."
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
                    $"the batch reports an episode of {lengths[copy]} steps with the return {totals[copy]}; its steps say \
                      {step} and {returns[copy]}.",
                    "Report length and return in the step that ends an episode, and 0 and NaN in others."
                )

            if ended copy then
                elapsed[copy] <- 0
                returns[copy] <- 0.0

    /// Resets a batch and walks; `look` adds the checks of single values, `draw` looks at a copy in every step.
    let walkDrawn (draw: bool) (batch: BatchEnvironment) (name: string) (look: bool) (steps: int) : BatchTrace list =
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
                    let struct (actions, next) = drawActions batch (masksOf batch place) rng
                    rng <- next
                    if draw then batch.Render 0 |> ignore
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

    let walk = walkDrawn false

    /// The step at which two walks first differ, from 1.
    let firstDifference (one: BatchTrace list) (two: BatchTrace list) =
        List.zip one two |> List.tryFindIndex (fun (a, b) -> a <> b) |> Option.map ((+) 1)

    let compare rule key problem remedy one two =
        match firstDifference one two with
        | Some step -> findings.Violation(rule, key, $"step {step} of a batch", problem, remedy)
        | None -> ()

    let checkDeclaration (batch: BatchEnvironment) =
        let complain key problem remedy =
            findings.Violation(ContractRule.Declaration, key, "declaration", problem, remedy)

        if String.IsNullOrWhiteSpace batch.Id then
            complain "id" "the id is empty." "Give the environment a name."

        if batch.MaxEpisodeSteps < 0 then
            complain "limit" $"MaxEpisodeSteps is {batch.MaxEpisodeSteps}." "Use 0 for no limit."

        if batch.ObservationSize <> batch.ObservationSpace.Size || batch.ActionSize <> batch.ActionSpace.Size then
            complain
                "sizes"
                $"the sizes {batch.ObservationSize} and {batch.ActionSize} are not those of {batch.ObservationSpace} and {batch.ActionSpace}."
                "Return the sizes of the spaces."

        GoalContract.checkDeclaration findings batch

    let checkReproducibility (steps: int) (first: BatchTrace list) (batch: BatchEnvironment) =
        let remedy = "Take all randomness from the seed of Reset, and reset every field there."
        // Wrappers that learn go on learning in a second walk.
        let again = if batch.Statistics.IsEmpty then walk batch "second walk" false steps else first

        compare
            ContractRule.Reproducibility
            "again"
            "a second reset with the same seed, and the same actions, give other numbers."
            remedy
            first
            again

        let fresh = walk (fresh ()) "fresh walk" false steps

        if again = first then
            compare
                ContractRule.Reproducibility
                "fresh"
                "a fresh copy with the same seed, and the same actions, gives other numbers."
                remedy
                first
                fresh

        again = first && fresh = first

    /// A user's environment that says of one step that it terminated and truncated the episode: batches show the
    /// first alone.
    let checkEnds (batch: BatchEnvironment) =
        match batch.Innermost with
        | :? External as external when external.EndsTwice -> ContractValues.endsTwice findings "walk"
        | _ -> ()

    let checkActions (batch: BatchEnvironment) =
        let buffers = batch.AllocateBuffers()

        for text, wrong in ContractValues.wrongActions batch.ActionSpace do
            batch.Reset key
            let struct (actions, _) = drawActions batch (masksOf batch "reset") (Rng.create 5UL)
            Array.blit wrong 0 actions ((batch.Count - 1) * batch.ActionSize) wrong.Length

            findings.Refuses<ArgumentException>(
                ContractRule.Actions,
                "step 1 of a batch",
                $"stepping with the action {text}",
                false,
                fun () -> batch.StepAll(ReadOnlySpan actions, buffers)
            )

    /// Steps from the present state on, with the same actions at every call.
    let goOn (batch: BatchEnvironment) =
        let buffers = batch.AllocateBuffers()
        let mutable rng = Rng.create (options.Seed + 2UL)

        [
            for step in 1 .. min 20 options.Steps do
                let masks = masksOf batch $"continuation, step {step}"
                let struct (actions, next) = drawActions batch masks rng
                rng <- next
                batch.StepAll(ReadOnlySpan actions, buffers)
                traceOf buffers
        ]

    let checkSnapshots (batch: BatchEnvironment) =
        walk batch "walk to a snapshot" false (min 10 options.Steps) |> ignore
        let snapshot = batch.Capture()
        let original = goOn batch
        batch.Restore snapshot
        let restored = goOn batch
        batch.Restore snapshot
        let again = goOn batch
        let remedy = "Let Clone, or Capture of a batch, copy all that later steps depend on."

        compare ContractRule.Snapshots "twice" "two continuations of one snapshot differ." remedy restored again

        // Instances of users that do not clone keep their state to themselves: a restored batch of them starts new
        // episodes.
        if batch.RestoresEpisodes then
            compare
                ContractRule.Snapshots
                "continuation"
                "a restored batch continues with other numbers than the captured one."
                remedy
                original
                restored

    let checkRanges (batch: BatchEnvironment) =
        if not batch.IsCoupled && batch.Count > 1 then
            let other = create batch.Count
            let buffers, halves = batch.AllocateBuffers(), other.AllocateBuffers()
            let half = batch.Count / 2
            batch.Reset key
            other.Reset key
            let mutable rng = Rng.create (options.Seed + 3UL)

            let pairs =
                [
                    for step in 1 .. min 20 options.Steps do
                        let masks = masksOf batch $"batch in parts, step {step}"
                        let struct (actions, next) = drawActions batch masks rng
                        rng <- next
                        batch.StepAll(ReadOnlySpan actions, buffers)
                        other.Step(half, batch.Count - half, ReadOnlySpan actions, halves)
                        other.Step(0, half, ReadOnlySpan actions, halves)
                        traceOf buffers, traceOf halves
                ]

            let whole, parts = List.unzip pairs

            compare
                ContractRule.Batches
                "ranges"
                "a batch that is stepped in two parts gives other numbers."
                "Let nothing of one copy depend on another, or say IsCoupled."
                whole
                parts

    let checkRendering (isReproducible: bool) (first: BatchTrace list) (batch: BatchEnvironment) =
        let place = "reset of a batch"
        batch.Reset key
        let before = batch.Capture()
        let picture = findings.Attempt("Render", place, (fun () -> batch.Render 0))

        match picture with
        | ValueSome(ValueSome scene) when scene.Width <= 0 || scene.Height <= 0 ->
            findings.Violation(
                ContractRule.Rendering,
                "size",
                place,
                $"the picture is {scene.Width} x {scene.Height}.",
                "Draw into a positive size."
            )
        | ValueSome(ValueSome scene) when scene.Figures.IsEmpty ->
            findings.Advice(
                ContractRule.Rendering,
                "empty",
                place,
                "the picture shows nothing.",
                "Return the scene that the last figure gave: a scene does not change, each figure makes another."
            )
        | _ -> ()

        let changes () =
            findings.Violation(
                ContractRule.Rendering,
                "changes",
                place,
                "rendering changed the batch.",
                "Let Render read and nothing else."
            )

        // Clones are different objects; whether they differ shows in what they do.
        if { batch.Capture() with Instances = [] } <> { before with Instances = [] } then
            changes ()
        elif isReproducible && (picture |> ValueOption.exists _.IsSome) then
            let steps = min 20 first.Length

            if walkDrawn true (fresh ()) "drawn walk" false steps <> List.truncate steps first then
                changes ()

    let release (batch: BatchEnvironment) =
        try
            batch.Release()
        with error ->
            findings.Threw("Dispose", "end of the check", error)

    /// Runs every check; a fault in one does not hinder the others, and what needs an earlier one is left out when
    /// that fails.
    member _.Run() =
        let guarded what check = findings.Attempt(what, "a batch", check)

        match guarded "The factory" (fun () -> create options.Copies) with
        | ValueNone -> ()
        | ValueSome batch ->
            guarded "A declaration" (fun () -> checkDeclaration batch) |> ignore

            if (guarded "Reset" (fun () -> batch.Reset key)).IsSome then
                let first = guarded "Step" (fun () -> walk batch "walk" true options.Steps)
                checkEnds batch

                let isReproducible =
                    match first with
                    | ValueSome trace ->
                        guarded "Step" (fun () -> checkReproducibility options.Steps trace batch)
                        |> ValueOption.defaultValue false
                    | ValueNone -> false

                guarded "Step" (fun () -> checkActions batch) |> ignore

                // Two walks that differ anyhow tell nothing of snapshots and parts.
                if isReproducible then
                    guarded "Clone" (fun () -> checkSnapshots batch) |> ignore
                    guarded "Step" (fun () -> checkRanges batch) |> ignore

                let trace = ValueOption.defaultValue [] first
                guarded "Render" (fun () -> checkRendering isReproducible trace batch) |> ignore

        Seq.iter release made
