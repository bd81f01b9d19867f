/// Every place of a batch: its vectors refuse, end, cut and count as single copies do.
module Rl.Tests.Environments.PlaceTests

open System
open Rl.Core.Environments
open Rl.Core.Foundations
open Xunit

[<Fact>]
let ``an action that is none is refused at every place of a batch, by its copy`` () =
    let copies = 100

    let check (environment: BatchEnvironment) (valid: float32) (bad: float32 list) =
        environment.Reset(Rng.create 1UL)
        let buffers = environment.AllocateBuffers()
        let size = environment.ActionSize
        let before = environment.Capture()

        for index in 0 .. copies * size - 1 do
            for value in bad do
                let actions = Array.create (copies * size) valid
                actions[index] <- value

                let error =
                    Assert.Throws<ArgumentException>(fun () -> environment.StepAll(ReadOnlySpan actions, buffers))

                Assert.Contains($"the action of copy {index / size} at step 1 ", error.Message)
                Assert.Contains($" component {index % size}; ", error.Message)

        Assert.Equal(before, environment.Capture())

    let make id = (Registry.make id).Vectorise copies
    check (make "CartPole-v1") 1.0f [ 2.0f; -1.0f; 0.5f; 3e9f; nanf; infinityf; -infinityf ]
    check (make "Acrobot-v1") 2.0f [ 3.0f; -1.0f; 1.5f; nanf ]
    check (make "Pendulum-v1") 1.0f [ nanf; infinityf; -infinityf ]
    check (Vectorised(Scripted Scripted.Quiet, copies)) 0.5f [ nanf; -infinityf ]

/// Ends in the step that its action says: 1 terminates, 2 truncates, 3 both; else it goes on.
type private Ending(limit: int) =
    interface IEnvironment<ScriptedState> with
        member _.Id = "Ending-v0"
        member _.ObservationSpace = Space.unbounded [| 1 |]
        member _.ActionSpace = Space.discrete 4
        member _.MaxEpisodeSteps = limit
        member _.RewardThreshold = nan
        member _.Reset(rng) = struct ({ Steps = 0; Draw = 0.0 }, rng)

        member _.Step(state, action, rng) =
            let steps, choice = state.Steps + 1, int action[0]

            struct ({ state with Steps = steps },
                    { Reward = 0.125 * float (steps + choice); Terminated = choice % 2 = 1; Truncated = choice >= 2 },
                    rng)

        member _.Observe(state, observation) = observation[0] <- float32 state.Steps

[<Fact>]
let ``ends, limits, returns and lengths are the same at every place of a batch of any size`` () =
    let numbers (buffers: StepBuffers) copy =
        (buffers.Rewards.Span[copy], buffers.ExactRewards.Span[copy]),
        (buffers.Terminated.Span[copy], buffers.Truncated.Span[copy]),
        (BitConverter.DoubleToInt64Bits buffers.EpisodeReturns.Span[copy], buffers.EpisodeLengths.Span[copy]),
        (buffers.Observations.Span[copy], buffers.FinalObservations.Span[copy])

    for limit in [ 0; 1; 3 ] do
        // One copy alone for each of the ways in which actions may follow each other.
        let play copies (action: int -> int -> float32) =
            let batch = Vectorised(Ending limit, copies) :> BatchEnvironment
            batch.Reset(Rng.create 1UL)
            let buffers = StepBuffers.Allocate(copies, 1, true)

            [
                for step in 0..11 do
                    batch.StepAll(ReadOnlySpan(Array.init copies (action step)), buffers)
                    yield [ for copy in 0 .. copies - 1 -> numbers buffers copy, batch.ReturnSoFar copy ]
            ]

        let action step copy = if (step * 7 + copy * 5) % 3 = 0 then float32 ((step + copy) % 4) else 0.0f

        for copies in [ 1; 7; 8; 9; 17; 24 ] do
            let all = play copies action

            for copy in 0 .. copies - 1 do
                let alone = play 1 (fun step _ -> action step copy)
                Assert.Equal<_ list>(List.map List.head alone, all |> List.map (List.item copy))

        // What they should be, of one copy.
        let mutable steps, total = 0, 0.0

        for step, row in List.indexed (play 1 (fun step _ -> action step 0)) do
            let choice = int (action step 0)
            steps <- steps + 1
            total <- total + 0.125 * float (steps + choice)
            let terminated = choice % 2 = 1
            let truncated = not terminated && (choice >= 2 || steps = limit)
            let (_, ends, episode, _), soFar = row[0]
            Assert.Equal((terminated, truncated), ends)
            let hasEnded = terminated || truncated
            let returned = BitConverter.DoubleToInt64Bits(if hasEnded then total else nan)
            Assert.Equal((returned, (if hasEnded then steps else 0)), episode)

            if hasEnded then
                steps <- 0
                total <- 0.0

            Assert.Equal(total, soFar)

[<Fact>]
let ``an episode that is cut is booked, and the next begins at nothing`` () =
    let batch = Vectorised(Ending 9, 9) :> BatchEnvironment
    batch.Reset(Rng.create 1UL)
    let buffers = batch.AllocateBuffers()
    let nothing = Array.zeroCreate<float32> 9

    for _ in 1..4 do
        batch.StepAll(ReadOnlySpan nothing, buffers)

    batch.Cut(5, buffers)

    Assert.Equal(
        (true, 4, 0.125 * 10.0),
        (buffers.Truncated.Span[5], buffers.EpisodeLengths.Span[5], buffers.EpisodeReturns.Span[5])
    )

    Assert.Equal(
        (0.0f, 4.0f, 0.0),
        (buffers.Observations.Span[5], buffers.FinalObservations.Span[5], batch.ReturnSoFar 5)
    )

    Assert.Equal(0.125 * 10.0, batch.ReturnSoFar 4)

    // The others reach the limit after five further steps, the one that was cut after nine.
    let ends =
        [
            for _ in 1..9 do
                batch.StepAll(ReadOnlySpan nothing, buffers)
                yield buffers.EpisodeLengths.Span[4], buffers.EpisodeLengths.Span[5]
        ]

    Assert.Equal<(int * int) list>([ 0, 0; 0, 0; 0, 0; 0, 0; 9, 0; 0, 0; 0, 0; 0, 0; 0, 9 ], ends)
    Assert.Equal(0.125 * 45.0, buffers.EpisodeReturns.Span[5])
