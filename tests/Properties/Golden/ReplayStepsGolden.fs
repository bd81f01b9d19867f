/// Transitions of several steps from other libraries' replay memories.
module Rl.Tests.Golden.ReplayStepsGolden

#nowarn "3391" // arrays convert to spans

open System
open Rl.Core.Experience
open Xunit
open Rl.Tests.Golden.ReplayCases

/// Of every row of a replay: the steps from there, the last row, and what they are multiplied with.
let private windows (multiStep: MultiStep) (replay: Replay) (rows: int[]) =
    let last = Array.zeroCreate<int> rows.Length
    let returns, discounts = Array.zeroCreate<float32> rows.Length, Array.zeroCreate<float32> rows.Length
    multiStep.Read(replay, rows, last, returns, discounts)
    struct (last, Array.map float returns, Array.map float discounts)

let private sb3Steps (case: GoldenNode) =
    let settings, added = case["params"], case["added"]
    let copies, size = settings.Int "n_envs", settings.Int "rows"
    let rewards = added.Floats "rewards"
    let observations, following = numbered copies (rewards.Length / copies) (fun _ -> 0.5)

    let replay =
        replayOf
            copies
            (size * copies)
            observations
            following
            rewards
            rewards
            (added.Flags "terminated")
            (added.Flags "truncated")

    let multiStep = MultiStep(columns, settings.Int "n_steps", settings.Float "gamma")
    let steps = rewards.Length / copies
    let oldest = steps - replay.Count / copies

    for sample in case["samples"].Items do
        // The reference's index is a step modulo its size.
        let rowOf index = ((index - oldest) % size + size) % size * copies + sample.Int "environment"
        let rows = sample.Ints "indices" |> Array.map rowOf
        let struct (last, returns, _) = windows multiStep replay rows
        let counts = Array.map2 (fun row last -> (last - row) / copies + 1) rows last
        exact sample "observations" (sample.Floats "observations") (read replay columns.Observations rows)
        exact sample "n_step_returns" (sample.Floats "n_step_returns") returns
        let following = read replay columns.NextObservations last
        exact sample "next_observations" (sample.Floats "next_observations") following
        let terminated = read replay columns.Continues last |> Array.map (fun goesOn -> 1.0 - goesOn)
        exact sample "terminated" (sample.Floats "terminated") terminated
        exact sample "discounts" (sample.Floats "discounts") (counts |> Array.map multiStep.Power)

/// Σ γ^k r of steps that begin at each row, at float64, and the number of the steps.
let private totals (multiStep: MultiStep) (replay: Replay) (rewards: float[]) (row: int) =
    let count = multiStep.Count(replay, row)
    struct (MultiStep.total multiStep.Discount count (fun k -> rewards[row + k * replay.Copies]), count)

let private tianshouSteps (case: GoldenNode) =
    let settings, added, ring = case["params"], case["added"], case["ring"]
    let size = settings.Int "size"
    let rewards = added.Floats "rewards"
    let ids = Array.init rewards.Length float
    let replay = replayOf 1 size ids ids rewards rewards (added.Flags "terminated") (added.Flags "truncated")
    let multiStep = MultiStep(columns, settings.Int "n_step", settings.Float "gamma")
    let oldest = rewards.Length - replay.Count
    let kept = Array.skip oldest rewards
    let rowOf index = ((index - oldest) % size + size) % size
    let indexOf row = (row + oldest) % size
    let all = Array.init replay.Count id
    let values = case.Floats "next_value_by_index"
    let terminated = ring.Flags "terminated"

    // Where the ring has an index, the row has what is there.
    let ringIds = ring.Floats "observation_ids"
    exact case "ring" ringIds (Array.init ringIds.Length (fun index -> float (oldest + rowOf index)))

    let returns =
        case.Ints "indices"
        |> Array.map (fun index ->
            let row = rowOf index
            let struct (total, count) = totals multiStep replay kept row
            let last = indexOf (row + count - 1)
            total + (if terminated[last] then 0.0 else multiStep.Power count * values[last]))

    exact case "returns" (case.Floats "returns") returns
    let next row = if replay.GoesOn(columns.Ends, row) then row + 1 else row
    let previous row = if row > 0 && replay.GoesOn(columns.Ends, row - 1) then row - 1 else row
    let byIndex move = case.Ints "indices" |> Array.map (fun index -> float (indexOf (move (rowOf index))))
    exact case "next_index" (case.Floats "next_index") (byIndex next)
    exact case "previous_index" (case.Floats "previous_index") (byIndex previous)

    let unfinished =
        all
        |> Array.filter (fun row -> row = replay.Count - 1 && replay.Number(columns.Ends, row) = 0.0f)
        |> Array.map (indexOf >> float)

    exact case "unfinished_index" (case.Floats "unfinished_index") unfinished

let private cleanRlSteps (case: GoldenNode) =
    let settings, added = case["params"], case["added"]
    let steps, discount = settings.Int "n_step", settings.Float "gamma"
    let rewards, terminated, truncated = added.Floats "rewards", added.Flags "terminated", added.Flags "truncated"
    let ended = Array.map2 (||) terminated truncated
    // Observations are numbered on, and a new episode begins one number later.
    let observations =
        ended
        |> Array.scan (fun next isEnd -> next + (if isEnd then 2.0 else 1.0)) 0.0
        |> Array.truncate rewards.Length

    let following = observations |> Array.map ((+) 1.0)
    // A quirk: a truncation does not end its windows.
    let replay =
        replayOf
            1
            rewards.Length
            observations
            following
            rewards
            rewards
            terminated
            (Array.map (fun _ -> false) truncated)

    let multiStep = MultiStep(columns, steps, discount)
    // Another: what is stored is the first of n rows that are there since it last began anew, which it does after
    // storing one with a termination; the tail of an episode is lost.
    let mutable first = 0

    let stored =
        [
            for step in 0 .. rewards.Length - 1 do
                if step - first + 1 = steps then
                    let struct (total, count) = totals multiStep replay rewards first
                    let last = first + count - 1
                    step, observations[first], total, following[last], terminated[last]
                    first <- if terminated[last] then step + 1 else first + 1
        ]

    let expected = case["stored"].Items
    Assert.Equal(expected.Length, stored.Length)

    List.iter2
        (fun (node: GoldenNode) (step, observation, total, following, isTerminated) ->
            exact node "added_at_step" [| node.Float "added_at_step" |] [| float (step: int) |]
            exact node "observation" [| node.Float "observation" |] [| observation |]
            exact node "n_step_return" [| node.Float "n_step_return" |] [| total |]
            exact node "next_observation" [| node.Float "next_observation" |] [| following |]
            exact node "done" [| node.Float "done" |] [| (if isTerminated then 1.0 else 0.0) |])
        expected
        stored

let private d3rlpySteps (case: GoldenNode) =
    let settings, episode = case["params"], case["episode"]
    let isTerminated = episode.Flag "terminated"
    // A quirk: the last step of an episode that did not terminate is not used, since its next observation is lost.
    let length = episode.Int "length" - (if isTerminated then 0 else 1)
    let rewards = episode.Floats "rewards" |> Array.truncate length
    let observations = Array.init length (fun step -> float step + 1.0)
    let last step = step = length - 1

    let replay =
        replayOf
            1
            length
            observations
            (Array.map ((+) 1.0) observations)
            rewards
            rewards
            (Array.init length (fun step -> isTerminated && last step))
            (Array.init length (fun step -> not isTerminated && last step))

    Assert.Equal(case.Int "transition_count", length)
    let multiStep = MultiStep(columns, settings.Int "n_steps", settings.Float "gamma")

    for node in case["transitions"].Items do
        let row = node.Int "index"
        let struct (total, count) = totals multiStep replay rewards row
        let last = row + count - 1
        let isTerminal = replay.Number(columns.Continues, last) = 0.0f
        exact node "observation" [| node.Float "observation" |] (read replay columns.Observations [| row |])
        exact node "return" [| node.Float "return" |] [| total |]
        exact node "interval" [| node.Float "interval" |] [| float count |]
        exact node "terminal" [| node.Float "terminal" |] [| (if isTerminal then 1.0 else 0.0) |]
        // After a terminal step the reference has zeros; nothing reads them.
        if not isTerminal then
            exact node "next" [| node.Float "next_observation" |] (read replay columns.NextObservations [| last |])

[<Fact>]
let ``transitions of several steps are those of four libraries`` () =
    Golden.verify "replay_nstep" (fun case ->
        match case.Text "implementation" with
        | "stable-baselines3" -> sb3Steps case
        | "tianshou" -> tianshouSteps case
        | "cleanrl" -> cleanRlSteps case
        | "d3rlpy" -> d3rlpySteps case
        | implementation -> failwith $"There is no test for {implementation}.")

// --- Rings
