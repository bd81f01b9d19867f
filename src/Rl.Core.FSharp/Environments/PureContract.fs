/// The contract of a pure environment: what a batch cannot see.
namespace Rl.Core.Environments

open System
open System.Collections.Generic
open System.Runtime.InteropServices
open Rl.Core.Foundations

/// A pure environment without what it offers besides: a batch of it takes single steps.
[<Sealed>]
type internal PlainEnvironment<'State when 'State: unmanaged>(inner: IEnvironment<'State>) =
    interface IEnvironment<'State> with
        member _.Id = inner.Id
        member _.ObservationSpace = inner.ObservationSpace
        member _.ActionSpace = inner.ActionSpace
        member _.MaxEpisodeSteps = inner.MaxEpisodeSteps
        member _.RewardThreshold = inner.RewardThreshold
        member _.Reset rng = inner.Reset rng
        member _.Step(state, action, rng) = inner.Step(state, action, rng)
        member _.Observe(state, observation) = inner.Observe(state, observation)

/// Checks of one environment, value by value.
[<Sealed>]
type internal PureContract<'State
    when 'State: unmanaged and 'State: struct and 'State: (new: unit -> 'State) and 'State :> ValueType>
    (findings: Findings, options: ContractOptions, environment: IEnvironment<'State>) =
    let observationSpace, actionSpace = environment.ObservationSpace, environment.ActionSpace
    let limit = environment.MaxEpisodeSteps

    let masks =
        match environment with
        | :? IActionMasks<'State> as masks -> ValueSome masks
        | _ -> ValueNone

    let sameBytes (one: 'State) (two: 'State) =
        let one, two = [| one |], [| two |]
        MemoryMarshal.AsBytes(Span one).SequenceEqual(Span.op_Implicit (MemoryMarshal.AsBytes(Span two)))

    /// Equal by their bytes, or by their fields where bytes between fields differ.
    let sameState one two = sameBytes one two || EqualityComparer<'State>.Default.Equals(one, two)

    let sameOutcome (one: Outcome) (two: Outcome) =
        BitConverter.DoubleToInt64Bits one.Reward = BitConverter.DoubleToInt64Bits two.Reward
        && one.Terminated = two.Terminated
        && one.Truncated = two.Truncated

    let observe (state: 'State) (fill: float32) =
        let observation = Array.create observationSpace.Size fill
        environment.Observe(state, Span observation)
        observation

    /// Observes twice into memory with different contents: what is not written shows.
    let checkObservation place (state: 'State) =
        let one = observe state 12345.0f
        let two = observe state -54321.0f
        let isSame (a: float32) (b: float32) = BitConverter.SingleToInt32Bits a = BitConverter.SingleToInt32Bits b

        match Array.tryFindIndex id (Array.map2 (fun a b -> not (isSame a b)) one two) with
        | Some index ->
            findings.Violation(
                ContractRule.Observations,
                $"unwritten {index}",
                place,
                $"component {index} of the observation is not written, or differs between two calls for one state.",
                "Write every element, as a function of the state alone."
            )
        | None -> ContractValues.observation findings observationSpace place (ReadOnlySpan one)

    let maskOf place (state: 'State) : bool[] =
        match masks with
        | ValueNone -> [||]
        | ValueSome masks ->
            let count = Array.sum (ContractValues.choices actionSpace)

            let read (fill: bool) =
                let mask = Array.create count fill
                masks.ActionMask(state, Span mask)
                mask

            let one, two = read true, read false

            if one <> two then
                findings.Violation(
                    ContractRule.ActionMasks,
                    "unwritten",
                    place,
                    "the mask is not written completely, or differs between two calls for one state.",
                    "Write every element, as a function of the state alone."
                )

            ContractValues.mask findings actionSpace place (ReadOnlySpan one)
            one

    /// Steps a copy of the state again and complains if the result is another.
    let requireSameStep rule key place problem remedy (state: 'State) (action: float32[]) (rng: Rng) expected =
        let struct (after: 'State, outcome: Outcome, next: Rng) = expected
        let struct (after2, outcome2, next2) = environment.Step(state, ReadOnlySpan action, rng)

        let same = sameState after after2 && sameOutcome outcome outcome2 && next = next2
        if not same then findings.Violation(rule, key, place, problem, remedy)
        same

    let checkRendering place (state: 'State) action rng expected =
        match environment with
        | :? IRenderable<'State> as renderable ->
            match
                findings.Attempt("Render", place, (fun () -> struct (renderable.Render state, renderable.Render state)))
            with
            | ValueNone -> ()
            | ValueSome(struct (one, two)) ->
                if one <> two then
                    findings.Violation(
                        ContractRule.Rendering,
                        "twice",
                        place,
                        "two pictures of one state differ.",
                        "Draw the state and nothing else."
                    )

                if one.Width <= 0 || one.Height <= 0 then
                    findings.Violation(
                        ContractRule.Rendering,
                        "size",
                        place,
                        $"the picture is {one.Width} x {one.Height}.",
                        "Draw into a positive size."
                    )

                requireSameStep
                    ContractRule.Rendering
                    "changes"
                    place
                    "a step after rendering gives another result than before."
                    "Let Render read and nothing else."
                    state
                    action
                    rng
                    expected
                |> ignore
        | _ -> ()

    let checkInPlace place (state: 'State) (action: float32[]) (rng: Rng) expected =
        match environment with
        | :? IInPlace<'State> as inPlace ->
            let struct (after: 'State, outcome: Outcome, next: Rng) = expected
            let mutable state, rng = state, rng
            let outcome2 = inPlace.StepInPlace(&state, ReadOnlySpan action, &rng)

            if not (sameState after state && sameOutcome outcome outcome2 && next = rng) then
                findings.Violation(
                    ContractRule.Cloning,
                    "in place",
                    place,
                    "a step in place gives another result than a step.",
                    "Do the same arithmetic in both."
                )
        | _ -> ()

    let checkTerminal place (state: 'State) (action: float32[]) (rng: Rng) =
        findings.Refuses<InvalidOperationException>(
            ContractRule.TerminalStates,
            place,
            "stepping a terminal state",
            true,
            fun () -> environment.Step(state, ReadOnlySpan action, rng) |> ignore
        )

    /// One walk; the numbers that it saw.
    let walk (look: bool) : List<float32[] * Outcome> =
        let seen = List<float32[] * Outcome>()
        let struct (first, stream) = environment.Reset(Rng.create options.Seed)
        let mutable state, rng, draws = first, stream, Rng.create (options.Seed + 1UL)
        let mutable episode, step = 1, 0
        let action = Array.zeroCreate<float32> actionSpace.Size
        if look then checkObservation "episode 1, reset" state

        for _ in 1 .. options.Steps do
            step <- step + 1
            let place = $"episode {episode}, step {step}"
            draws <- ContractValues.action actionSpace (maskOf place state) draws (Span action)
            let expected = environment.Step(state, ReadOnlySpan action, rng)
            let struct (after, outcome, next) = expected

            if look then
                let isFunction =
                    requireSameStep
                        ContractRule.Cloning
                        "step"
                        place
                        "the same state, action and generator give another result when they are stepped again."
                        "Keep no fields that change: all state belongs into the state, all randomness comes from rng."
                        state
                        action
                        rng
                        expected

                if isFunction then
                    checkRendering place state action rng expected
                    checkInPlace place state action rng expected

                ContractValues.outcome findings limit place step outcome
                checkObservation place after
                if outcome.Terminated then checkTerminal place after action next

            seen.Add(observe after 0.0f, outcome)
            state <- after
            rng <- next

            if outcome.Terminated || outcome.Truncated || step = limit then
                let struct (fresh, next) = environment.Reset rng
                state <- fresh
                rng <- next
                episode <- episode + 1
                step <- 0
                if look then checkObservation $"episode {episode}, reset" state

        seen

    let checkReproducibility () =
        let one, two = walk false, walk false

        let differs ((a: float32[], x), (b: float32[], y)) =
            not (Span(a).SequenceEqual(ReadOnlySpan b) && sameOutcome x y)

        match Seq.zip one two |> Seq.tryFindIndex differs with
        | Some index ->
            findings.Violation(
                ContractRule.Reproducibility,
                "again",
                $"step {index + 1} of a walk",
                "the same seed and actions give other numbers the second time.",
                "Keep no fields that change: all state belongs into the state, all randomness comes from rng."
            )
        | None -> ()

    let checkActions () =
        let struct (state, rng) = environment.Reset(Rng.create options.Seed)
        let step (action: float32[]) = environment.Step(state, ReadOnlySpan action, rng) |> ignore

        for text, wrong in ContractValues.wrongActions actionSpace do
            findings.Refuses<ArgumentException>(
                ContractRule.Actions,
                "episode 1, step 1",
                $"stepping with the action {text}",
                false,
                fun () -> step wrong
            )

        match actionSpace with
        | Space.Box(_, high, _) when Array.forall Double.IsFinite high ->
            try
                step (high |> Array.map (fun bound -> float32 (bound + 1.0)))
            with error ->
                findings.Violation(
                    ContractRule.Actions,
                    "beyond",
                    "episode 1, step 1",
                    $"an action beyond the box throws {error.GetType().Name}: {error.Message}",
                    "Clip actions to the box: policies with unbounded distributions go beyond it."
                )
        | _ -> ()

    let checkKernel () =
        match environment with
        | :? IBatchKernel<'State>
        | :? IInPlace<'State> ->
            let copies = max 9 options.Copies
            let fast = Vectorised(environment, copies) :> BatchEnvironment
            let plain = Vectorised(PlainEnvironment environment, copies) :> BatchEnvironment
            let buffers, plainBuffers = fast.AllocateBuffers(), plain.AllocateBuffers()
            fast.Reset(Rng.create options.Seed)
            plain.Reset(Rng.create options.Seed)
            let mutable rng = Rng.create (options.Seed + 1UL)
            let mutable differs = 0
            let actions = Array.zeroCreate<float32>(copies * actionSpace.Size)
            let bits (values: Memory<float32>) = values.ToArray() |> Array.map BitConverter.SingleToInt32Bits

            let numbers (buffers: StepBuffers) =
                bits buffers.Observations, bits buffers.Rewards, buffers.Terminated.ToArray()

            let choices = if fast.HasActionMasks then actionSpace.Choices else 0
            let masks = Array.zeroCreate<bool>(copies * choices)

            for step in 1 .. options.Steps do
                if choices > 0 then fast.ActionMasks(0, copies, Span masks)

                for copy in 0 .. copies - 1 do
                    let mask = Array.sub masks (copy * choices) choices
                    let row = Span(actions, copy * actionSpace.Size, actionSpace.Size)
                    rng <- ContractValues.action actionSpace mask rng row

                fast.StepAll(ReadOnlySpan actions, buffers)
                plain.StepAll(ReadOnlySpan actions, plainBuffers)
                if differs = 0 && numbers buffers <> numbers plainBuffers then differs <- step

            if differs > 0 then
                findings.Violation(
                    ContractRule.Batches,
                    "kernel",
                    $"step {differs} of a batch",
                    "many states stepped at once give other numbers than each alone.",
                    "Do the same operations in the same order in both; compare bit for bit."
                )
        | _ -> ()

    /// Runs every check; a fault in one does not hinder the others.
    member _.Run() =
        let guarded what check = findings.Attempt(what, "a walk", check) |> ValueOption.defaultValue ()
        guarded "Step" (fun () -> walk true |> ignore)
        guarded "Step" checkReproducibility
        guarded "Step" checkActions
        guarded "Step" checkKernel
