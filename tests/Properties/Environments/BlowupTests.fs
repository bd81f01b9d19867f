/// Episodes that end because numbers lost their sense are counted by batches, and warned of once.
module Rl.Tests.Environments.BlowupTests

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Learning
open Rl.Core.Training
open Rl.Core.Wrappers
open Xunit

/// Steps taken so far; −1 after a blow-up. An action above 0.5 blows the state up, every third step else ends the
/// episode.
type private Fragile() =
    let space = Space.box [| -1.0 |] [| 1.0 |] [| 1 |]

    interface IEnvironment<int> with
        member _.Id = "Fragile-v0"
        member _.ObservationSpace = Space.box [| -2.0 |] [| 3.0 |] [| 1 |]
        member _.ActionSpace = space
        member _.MaxEpisodeSteps = 0
        member _.RewardThreshold = nan
        member _.Reset rng = struct (0, rng)

        member _.Step(state, action, rng) =
            if action[0] > 0.5f then
                struct (-1, { Reward = 0.0; Terminated = true; Truncated = false }, rng)
            else
                struct (state + 1, { Reward = 1.0; Terminated = state = 2; Truncated = false }, rng)

        member _.Observe(state, observation) = observation[0] <- float32 state

    interface IBlowups<int> with
        member _.HasBlownUp state = state < 0

/// The same as an object that keeps its state.
type private MutableFragile() =
    let inner = Fragile() :> IEnvironment<int>
    let mutable state = 0

    interface IMutableEnvironment with
        member _.ObservationSpace = inner.ObservationSpace
        member _.ActionSpace = inner.ActionSpace
        member _.MaxEpisodeSteps = 0

        member _.Reset(_, observation) =
            state <- 0
            observation[0] <- 0.0f

        member _.Step(action, observation) =
            let struct (next, outcome, _) = inner.Step(state, action, Rng.create 0UL)
            state <- next
            observation[0] <- float32 next
            outcome

    interface IMutableBlowups with
        member _.HasBlownUp = state < 0

let private batches () : BatchEnvironment list =
    let pure' () = Vectorised<int>(Fragile(), 3) :> BatchEnvironment

    [
        pure' ()
        External("Fragile-v0", nan, 3, Func<int, IMutableEnvironment>(fun _ -> MutableFragile()))
        Wrapper.apply [ Wrapper.TimeLimit 5 ] (pure' ())
    ]

let private walk (batch: BatchEnvironment) (steps: int) (action: int -> int -> float32) =
    let buffers = batch.AllocateBuffers()

    for step in 0 .. steps - 1 do
        let actions = Array.init batch.Count (action step)
        batch.StepAll(ReadOnlySpan actions, buffers)

[<Fact>]
let ``a batch counts the episodes that blew up, and no others`` () =
    for batch in batches () do
        batch.Reset(Rng.create 1UL)
        walk batch 9 (fun _ _ -> 0.0f)
        Assert.Equal(0L, batch.Blowups)
        // Copy 1 blows up in each of two steps, copy 2 in one.
        walk batch 2 (fun step copy -> if copy = 1 || copy = 2 && step = 1 then 1.0f else 0.0f)
        Assert.Equal(3L, batch.Blowups)
        walk batch 6 (fun _ _ -> 0.0f)
        Assert.Equal(3L, batch.Blowups)

[<Fact>]
let ``the first blow-up is warned of once, with the environment's name`` () =
    let report = { Steps = 10L; Updates = 4L; Episodes = [||]; Metrics = [||] }

    for batch in batches () do
        batch.Reset(Rng.create 1UL)
        let watch = Warnings.start batch.ActionSpace false
        let struct (watch, none) = Warnings.observeEnvironment batch report watch
        Assert.Empty none
        walk batch 1 (fun _ copy -> if copy = 0 then 1.0f else 0.0f)
        let struct (watch, said) = Warnings.observeEnvironment batch report watch
        let warning = Assert.Single said
        Assert.Equal(WarningKind.BlownUpStates, warning.Kind)
        Assert.Equal(4L, warning.Update)
        Assert.Contains("an episode of Fragile-v0 ended", warning.Message)
        walk batch 1 (fun _ _ -> 1.0f)
        let struct (_, again) = Warnings.observeEnvironment batch report watch
        Assert.Empty again
