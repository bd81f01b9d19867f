/// Laws of all wrappers about episodes: whichever way one ends, the next is as if it were the first; and an episode
/// that nothing ends lasts as long as the wrapped environment says.
module Rl.Tests.Wrappers.EpisodeLaws

open System
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Wrappers
open Rl.Tests.Environments
open Xunit

/// Counts its steps and draws nothing: what it shows is told by the step and by the last action.
type private Steady
    (observations: Space, actions: Space, observe: ScriptedState -> int -> float, terminateAt: int, limit: int) =
    interface IEnvironment<ScriptedState> with
        member _.Id = "Steady-v0"
        member _.ObservationSpace = observations
        member _.ActionSpace = actions
        member _.MaxEpisodeSteps = limit
        member _.RewardThreshold = nan
        member _.Reset(rng) = struct ({ Steps = 0; Draw = 0.0 }, rng)

        member _.Step(state, action, rng) =
            let mutable sum = 0.0

            for i in 0 .. action.Length - 1 do
                sum <- sum + float (i + 1) * float action[i]

            let steps = state.Steps + 1

            struct ({ Steps = steps; Draw = sum },
                    { Reward = float steps + 0.25 * sum; Terminated = steps = terminateAt; Truncated = false },
                    rng)

        member _.Observe(state, observation) =
            for i in 0 .. observation.Length - 1 do
                observation[i] <- float32 (observe state i)

/// How an environment ends its episodes, and after how many steps.
type private Ends = { TerminateAt: int; Limit: int }

let private environments: (string * (Ends -> int -> BatchEnvironment)) list =
    let make observations actions observe ends count =
        Vectorised(Steady(observations, actions, observe, ends.TerminateAt, ends.Limit), count) :> BatchEnvironment

    let range = Space.boxOf -9.0 9.0 [| 2 |]
    let pixel (state: ScriptedState) i = float ((i * 7 + state.Steps * 11 + int (8.0 * abs state.Draw)) % 256)

    [
        "numbers",
        make (Space.boxOf -40.0 40.0 [| 2 |]) (Space.boxOf -1.0 1.0 [| 1 |]) (fun state i ->
            if i = 0 then float state.Steps else 3.0 * state.Draw)
        "pixels", make (Space.image 3 3 4) (Space.discrete 3) pixel
        "parts",
        make
            (Space.dict [ "image", Space.image 3 3 4; "steps", Space.discrete 40; "draw", range ])
            (Space.tuple [ Space.multiBinary [| 2 |]; Space.discreteFrom 1 3 ])
            (fun state i ->
                if i < 36 then pixel state i
                elif i = 36 then float state.Steps
                else 0.1 * state.Draw * float (i - 37))
    ]

/// Every wrapper that draws nothing, and some more than once.
let private wrappers: Wrapper list =
    [
        for wrapper in Compositions.all do
            match wrapper with
            | Wrapper.StickyAction _ -> ()
            | _ -> wrapper
        Wrapper.TimeLimit 3
        Wrapper.StickyAction(1.0, 1, 1)
        Wrapper.StickyAction(1.0, 2, 2)
        Wrapper.RepeatAction 3
        Wrapper.MaxAndSkipObservation 2
        Wrapper.DelayObservation 4
        Wrapper.TimeAwareObservation(true, true)
    ]

/// One wrapper, and pairs of those that count or remember with any other on either side.
let private compositions: Wrapper list list =
    [
        for wrapper in wrappers do
            [ wrapper ]

            for other in
                [
                    Wrapper.TimeLimit 3
                    Wrapper.RepeatAction 2
                    Wrapper.StickyAction(1.0, 1, 1)
                    Wrapper.NextStepAutoreset
                ] do
                [ wrapper; other ]
                [ other; wrapper ]
    ]

/// The batch within the wrappers, with statistics of a few steps, frozen; none where they do not fit.
let private bound (make: int -> BatchEnvironment) (list: Wrapper list) : BatchEnvironment option =
    let wrap () =
        try
            // Halves of integers are no actions.
            let apply (batch: BatchEnvironment) wrapper =
                match wrapper with
                | Wrapper.TransformAction _ when not batch.ActionSpace.IsBox -> invalidArg "wrapper" "does not fit"
                | _ -> Wrapper.wrap batch wrapper

            Some(List.fold apply (make 2) list)
        with :? ArgumentException ->
            None

    match wrap (), wrap () with
    | Some learning, Some batch ->
        learning.Reset(Rng.create 1UL)
        Compositions.run learning (Compositions.randomActions learning 2UL 12) |> ignore
        batch.RestoreStatistics(learning.Statistics, true)
        Some batch
    | _ -> None

/// The law for every wrapper and composition around every environment with these ends.
let private everywhere (ends: Ends list) (law: string -> BatchEnvironment -> unit) =
    for ends in ends do
        for name, make in environments do
            for list in compositions do
                match bound (make ends) list with
                | Some batch ->
                    let shown = String.Join(", ", list)
                    law $"{name} within {shown}, {ends}" batch
                | None -> ()

/// An episode with the given actions, from its first observation on: what it shows, pays and reports. The batch stands
/// at the beginning of the next one afterwards, or where `most` steps end.
let private episode (batch: BatchEnvironment) (buffers: StepBuffers) (actions: float32[][]) (most: int) =
    let first = Array.zeroCreate<float32>(2 * batch.ObservationSize)
    batch.Observe(Span first)
    let steps = ResizeArray()
    let mutable isOver = false

    while not isOver && steps.Count < most do
        batch.StepAll(ReadOnlySpan actions[steps.Count], buffers)
        isOver <- buffers.EpisodeLengths.Span[0] > 0
        let ended = [ for copy in 0..1 -> buffers.Terminated.Span[copy] || buffers.Truncated.Span[copy] ]
        Assert.Equal<bool list>([ isOver; isOver ], ended)
        let isNext = batch.Autoreset = AutoresetMode.NextStep
        let shown = if isOver && not isNext then buffers.FinalObservations else buffers.Observations

        steps.Add(
            shown.ToArray(),
            (buffers.Rewards.ToArray(), buffers.Terminated.ToArray(), buffers.Truncated.ToArray()),
            (buffers.EpisodeReturns.ToArray() |> Array.map BitConverter.DoubleToInt64Bits,
             buffers.EpisodeLengths.ToArray())
        )

        if isOver && isNext then
            batch.StepAll(ReadOnlySpan actions[actions.Length - 1], buffers)

    first, List.ofSeq steps

[<Fact>]
let ``an episode that begins after another, or after a reset within one, is as the first was`` () =
    everywhere
        [ { TerminateAt = 5; Limit = 0 }; { TerminateAt = 0; Limit = 4 }; { TerminateAt = 3; Limit = 9 } ]
        (fun name batch ->
            let buffers = batch.AllocateBuffers()
            let actions seed = Compositions.randomActions batch seed 12
            let some, others = actions 7UL, actions 8UL
            let play actions most = episode batch buffers actions most
            let reset () = batch.Reset(Rng.create 3UL)
            let same expected actual = Assert.True((expected = actual), $"{name}: another episode is not as the first")
            reset ()
            let first = play some 12
            reset ()
            let other = play others 12

            // Different actions by turns, so that what is left of one episode would show in the next.
            for _ in 1..2 do
                same first (play some 12)
                same other (play others 12)

            // A reset within an episode.
            for most in [ 1; 2 ] do
                play others most |> ignore
                reset ()
                same first (play some 12))

[<Fact>]
let ``an episode that is cut from above is followed by one that is as the first`` () =
    everywhere [ { TerminateAt = 0; Limit = 30 } ] (fun name batch ->
        // Nothing cuts an episode that begins in the next step.
        if batch.Autoreset = AutoresetMode.SameStep then
            let limited = Wrapper.wrap batch (Wrapper.TimeLimit 2)
            let buffers = limited.AllocateBuffers()
            let actions seed = Compositions.randomActions limited seed 4
            let some, others = actions 7UL, actions 8UL
            let play actions = episode limited buffers actions 4
            let same expected actual = Assert.True((expected = actual), $"{name}: an episode after a cut is another")
            limited.Reset(Rng.create 3UL)
            let first = play some
            limited.Reset(Rng.create 3UL)
            let other = play others

            for _ in 1..2 do
                same first (play some)
                same other (play others))

[<Fact>]
let ``an episode that nothing ends lasts exactly as long as the wrapped environment says`` () =
    everywhere [ for limit in [ 1; 4; 5; 7; 9 ] -> { TerminateAt = 0; Limit = limit } ] (fun name batch ->
        let buffers = batch.AllocateBuffers()
        let actions = Compositions.randomActions batch 7UL 12
        batch.Reset(Rng.create 3UL)

        for _ in 1..2 do
            let _, steps = episode batch buffers actions 12

            Assert.True(
                (steps.Length = batch.MaxEpisodeSteps),
                $"{name}: {steps.Length} steps, not {batch.MaxEpisodeSteps}"
            ))
